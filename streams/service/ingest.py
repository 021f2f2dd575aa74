"""The ingest worker: source topics in, journal blocks out, in an order that is written down once and for ever.

At least once: an offset is committed when everything that its record led to is acknowledged by the brokers.
Whatever is read twice is an event under its own id, which the fold drops, or a letter or parked scan under the
same key.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, groupby, repeat
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams import sources as source_folders
from streams.clock import stopwatch, wall_now
from streams.pipeline.plugins import choose
from streams.pipeline.ports import Source
from streams.problems import InputProblem, UsageProblem
from streams.service.arrival import Arrival
from streams.service.client import reader
from streams.service.failures import problem_of
from streams.service.merge import Merge, Run, Weave
from streams.service.packing import Packer
from streams.service.parking import Parking
from streams.service.progress import Progress
from streams.service.reception import NATIVE, Reception, moment
from streams.service.topics import topics_of
from streams.service.tracking import Tracking, read_lesson
from streams.service.vitals import Vitals
from streams.service.worker import guard
from streams.service.writing import Writer
from streams.settings import Settings

# Records between two turns of the loop: some 60 milliseconds, and 300 events for each of 12 blocks.
AT_ONCE = 4096
IDLE = 0.1  # seconds after which an idle worker looks at what waits
COMMIT_SECONDS = 0.5  # what is written twice after a crash, at most, besides what is under way
SESSION = 10.0  # seconds after which a silent worker's partitions go to others; Kafka's own default is 45
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_BY_ARRIVAL = 1  # a record's timestamp type, where the broker stamps it (Kafka's message format)


class Ingest:
    """One ingest worker: the source partitions it is given, and what it has under way to the journal."""

    def __init__(self, settings: Settings, *, session: float = SESSION) -> None:
        """Prepare, without connecting.

        Raises:
            UsageProblem: ``topic-twice``, ``plugin-unknown``.
        """
        self.settings = settings
        self.topics = topics_of(settings)
        self.vitals = Vitals("ingest")
        self._session = session
        folders = source_folders.discover()
        self._sources: dict[str, Source] = {
            topic: choose(folders, name, "source") for topic, name in self.topics.sources.items()
        }
        self._progress = Progress()
        self._packer = Packer(self.topics.journal.name, self._progress)
        self._reception = Reception(self.topics, self._packer, self.vitals.counts)
        self._tracking = Tracking(settings, self.topics.tracking)
        self._parking = Parking(settings, self.topics.parked)
        self._is_history = settings.clock == "history"
        self._now = _BEGIN  # how far the time of a history has come
        self._read_to: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}  # written down, and not committed yet
        self._heard = 0  # when a broker last answered, in its client's milliseconds
        self._given: set[TopicPartition] | None = None  # assigned, and the parked scans not loaded yet
        self._turn = asyncio.Lock()  # held while records are taken, and while partitions are given back
        self._committing = asyncio.Lock()
        self._died: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._writer = Writer(settings, self._packer, self._progress, self._parking, self.vitals, self._die)
        self._chores: list[asyncio.Task[None]] = []
        self._consumer: AIOKafkaConsumer | None = None

    # ------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Connect, learn every tracking number, and ask for source partitions.

        Raises:
            WorldProblem: ``kafka-unreachable``, ``kafka-refused``, ``kafka-failed``, ``kafka-certificate``.
        """
        try:
            await self._start()
        except BaseException as error:
            await self._let_go()
            problem = problem_of(self.settings, error)
            if problem is error:
                raise
            raise problem from error

    async def _start(self) -> None:
        await self._writer.start()
        self.vitals.beat()
        async for news in self._tracking.all():
            self._hear(news)
            self.vitals.beat()
        consumer = self._consumer = reader(
            self.settings,
            "ingest",
            group_id=f"{self.settings.topic_prefix}-ingest",
            isolation_level="read_committed",  # what a shop's transaction took back was never said
            session_timeout_ms=int(self._session * 1000),
            heartbeat_interval_ms=int(self._session * 1000 / 3),
        )
        self._arrivals = Merge(consumer) if self._is_history else Weave(consumer)
        await consumer.start()
        consumer.subscribe([*self._sources, self.topics.outcomes.name], listener=_Partitions(self))
        chores = (self._read(), self._keep_committing(), self._keep_learning())
        self._chores = [asyncio.create_task(guard(chore, self._die)) for chore in chores]

    async def crashed(self) -> BaseException:
        """Return what the worker died of."""
        return await asyncio.shield(self._died)

    async def stop(self) -> None:
        """Write down what was taken, commit it, and let go."""
        self.vitals.is_ready = False
        if self._consumer is not None and not self._died.done():
            async with self._turn:
                for chore in self._chores:
                    chore.cancel()
                await self._finish()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._let_go()

    async def _let_go(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()
        await self._tracking.stop()
        await self._writer.stop()

    def _die(self, error: BaseException) -> None:
        if not self._died.done():
            self._died.set_result(problem_of(self.settings, error))

    # ------------------------------------------------------------------------ reading

    async def _read(self) -> None:
        """Take records for as long as the worker lives."""
        while True:
            # Nothing may wait between reading and the turn: records of partitions that we gave back in between
            # would be counted as read.
            runs = await self._next()
            async with self._turn:
                if self._given is not None:
                    await self._open(self._given)
                self._take(runs)
                self._close_blocks()
                await self._writer.write()
            await asyncio.sleep(0)  # a reader that is behind never waits, and all others would starve

    async def _next(self) -> Sequence[Run]:
        since = self._packer.open_since()
        wait = IDLE
        if since is not None and not self._is_history:
            wait = max(0.0, min(wait, since + self._block_seconds - stopwatch()))
        milliseconds = math.ceil(wait * 1000)
        try:
            return await self._arrivals.next(milliseconds, AT_ONCE)
        except KafkaError as error:
            if not error.retriable:
                raise
            return ()

    def _take(self, runs: Sequence[Run]) -> None:
        now = wall_now()
        reception = self._reception
        if self._is_history:
            self._take_history(runs)
        else:
            for place, records in runs:
                if place.topic == self.topics.outcomes.name:
                    reception.take_outcomes(records, now)
                else:
                    reception.take(self._sources[place.topic], zip(records, repeat(now)))
        positions = {place: records[-1].offset + 1 for place, records in runs}
        if not self._is_history:
            reception.expire(now)
        if positions:
            self.vitals.beat()
            self._progress.close(positions)
            self._read_to.update(positions)
        elif self._progress.is_settled:
            self._rest()

    def _rest(self) -> None:
        """Rest, unless the brokers have fallen silent: they answer twice a second, if only that nothing came."""
        consumer = self._consumer
        assert consumer is not None  # start() made it
        assigned = consumer.assignment()
        heard = max((consumer.last_poll_timestamp(one) or 0 for one in assigned), default=0)
        if heard == self._heard and assigned:
            self.vitals.work()
        else:
            self._heard = heard
            self.vitals.rest()

    def _take_history(self, runs: Iterable[Run]) -> None:
        """Take records at their own time; runs are short where partitions are merged, and told by topic."""
        for topic, some in groupby(runs, key=_topic):
            records = chain.from_iterable(map(_records, some))
            if topic == self.topics.outcomes.name:
                self._reception.take_outcomes(records, None)
            else:
                source = self._sources[topic]
                self._reception.take(source, self._at_their_time(source, records))

    def _at_their_time(
        self, source: Source, records: Iterable[Arrival]
    ) -> Iterator[tuple[Arrival, datetime]]:
        """Yield records with their time, and let patience with parked scans end at that time, too."""
        reception, tells_time = self._reception, source.name == NATIVE
        for record in records:
            if record.timestamp_type == _BY_ARRIVAL:
                raise _stamped_by_arrival(record)
            now = moment(record.timestamp)
            if now is None:
                reception.refuse_time(source, record, self._now)
                continue
            if now > self._now:
                self._now = now
                reception.expire(now)
            if not (tells_time and reception.take_tick(record, now)):
                yield record, now

    @property
    def _block_seconds(self) -> float:
        return self.settings.block_milliseconds / 1000

    def _close_blocks(self) -> None:
        """Close the blocks that are old enough; those of a history when it has come to its end."""
        if not self._is_history:
            self._packer.close(self._block_seconds)
        elif self._arrivals.is_dry():
            self._packer.close()

    # ------------------------------------------------------------------------ committing

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()
            async with self._turn:
                await self._writer.unpark()
            self._gauge()

    async def _commit(self) -> None:
        """Commit how far everything is written down."""
        assert self._consumer is not None  # start() made it
        async with self._committing:
            self._done.update(self._progress.take())
            if not self._done:
                return
            try:
                await self._consumer.commit(self._done)
            except (CommitFailedError, IllegalStateError):
                # The partitions are somebody else's by now, who reads again what we wrote, and the fold drops it.
                self.vitals.counts["commits_too_late", ""] += 1
            self._done = {}

    async def _finish(self) -> None:
        """Write down and commit everything that was taken, unless the worker dies of it."""
        self._packer.close()
        await self._writer.write()
        await self._settled()
        await self._writer.unpark()
        await self._settled()
        await self._commit()

    async def _settled(self) -> None:
        settled = asyncio.ensure_future(self._progress.settled())
        either: set[asyncio.Future[Any]] = {settled, self._died}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()

    # ------------------------------------------------------------------------ tracking numbers

    async def _keep_learning(self) -> None:
        async for news in self._tracking.news():
            if news:
                async with self._turn:
                    self._hear(news)
                    self._close_blocks()
                    await self._writer.write()

    def _hear(self, news: Iterable[Arrival]) -> None:
        now = self._now if self._is_history else wall_now()
        for record in news:
            try:
                number, owner = read_lesson(record)
            except InputProblem as problem:
                unreadable = [(problem, record.value or b"", record.timestamp)]
                self._reception.set_aside(self.topics.tracking.name, unreadable)
            else:
                self._reception.hear(number, owner, now)

    # ------------------------------------------------------------------------ partitions come and go

    async def give_back(self) -> None:
        """Finish what was read of the partitions that are taken from us."""
        self.vitals.is_ready = False
        self.vitals.work()  # until partitions are given anew
        async with self._turn:
            self._given = None
            if not self._died.done():
                await self._finish()
            self._reception.forget_parked()
            self._arrivals.forget()
            self._read_to, self._done = {}, {}
            for name in [name for name in self.vitals.gauges if name[0] == "lag"]:
                del self.vitals.gauges[name]

    def receive(self, places: set[TopicPartition]) -> None:
        """Note the partitions that are ours from now on."""
        self._given = places
        self.vitals.is_ready = True
        self.vitals.beat()

    async def _open(self, places: set[TopicPartition]) -> None:
        """Take over the scans that wait for our source partitions."""
        parked = await self._parking.load([one for one in places if one.topic in self._sources])
        self._reception.set_aside(self.topics.parked.name, self._parking.take_unreadable())
        self._reception.restore(parked, self._now if self._is_history else wall_now())
        self._given = None

    async def guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something that the client would only log a failure of."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as in _guard
            self._die(error)

    def _gauge(self) -> None:
        consumer, gauges = self._consumer, self.vitals.gauges
        assert consumer is not None  # start() made it
        gauges["parked", ""] = self._reception.parked_now()
        gauges["partitions", ""] = len(consumer.assignment())
        for place, read_to in self._read_to.items():
            end = consumer.highwater(place) if place in consumer.assignment() else None
            if end is not None:
                gauges["lag", f"{place.topic}-{place.partition}"] = max(0, end - read_to)


def _topic(run: Run) -> str:
    topic: str = run[0].topic
    return topic


def _records(run: Run) -> list[Arrival]:
    return run[1]


def _stamped_by_arrival(record: Arrival) -> UsageProblem:
    return UsageProblem(
        "history-without-time",
        f"the topic {record.topic} does not keep the times of a history",
        where=f"{record.topic}[{record.partition}]",
        why="its records bear the time at which the broker took them (message.timestamp.type=LogAppendTime)",
        hint="load the history into a topic with message.timestamp.type=CreateTime, or use FIRSTWORD_CLOCK=wall",
    )


class _Partitions(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed here
    """Hears from the group which partitions are ours."""

    def __init__(self, worker: Ingest) -> None:
        self._worker = worker

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - it calls with it
        """Give everything back: the group's protocol takes all from everybody before it gives anew."""
        await self._worker.guarded(self._worker.give_back)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Take what is given."""
        self._worker.receive(set(assigned))
