"""The fold worker: journal blocks in, decisions out, in order, with sixteen blocks under way.

Outputs first, then the acknowledgment: a block counts as done when the broker has what it led to. Whatever
is folded twice decides the same under the same ids. Where Faust's committed offset and our own position
disagree, ours counts: what lies between is read from the journal itself.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from faust.types import TP

from streams import telemetry, wiring
from streams.clock import stopwatch, wall_now
from streams.codec.blocks import encode_block, tick
from streams.service.app import death_of, make_app, raw_topic, unacknowledged
from streams.service.client import producer, reader
from streams.service.partition import partition_of
from streams.service.partition_state import Output, PartitionState, empty_state, loaded_state
from streams.service.records import letter_record, outbox_record, public_record
from streams.service.snapshots import Note, Snapshots
from streams.service.topics import topics_of
from streams.service.vitals import Vitals
from streams.service.worker import guard
from streams.settings import Settings

UNDER_WAY = 16  # blocks whose outputs may be unacknowledged: waiting for each costs a factor of five
HEARTBEAT = timedelta(seconds=30)  # an idle partition hears of the time at least so often
_Sent = list["asyncio.Future[Any]"]


class Fold:
    """One fold worker: the partitions it is given, their states, and what is under way between them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = topics_of(settings)
        self.vitals = Vitals("fold")
        self.policy = wiring.policy_of(settings)
        self.states: dict[int, PartitionState] = {}
        self.snapshots = Snapshots(settings, self.topics.snapshots.name)
        self._assigned: frozenset[int] = frozenset()
        self._turn = asyncio.Lock()  # held while a block is folded, and while a snapshot packs
        self._saving = asyncio.Lock()
        self._window: asyncio.Queue[tuple[PartitionState, int, Any, _Sent]] = asyncio.Queue(UNDER_WAY)
        self._ticked: dict[int, datetime] = {}
        self._handing: set[asyncio.Task[None]] = set()  # partitions on their way to another worker
        self._failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._chores: list[asyncio.Task[None]] = []

    # ------------------------------------------------------------------------ life

    async def start(self) -> None:
        """Connect and begin."""
        self.app = make_app(self.settings, "fold")
        self.app.agent(raw_topic(self.app, self.topics.journal.name), concurrency=1)(self._agent)
        self.app.on_partitions_assigned.connect(self._on_assigned)  # type: ignore[arg-type]  # it calls with a set of TP
        self.producer = producer(self.settings, "fold")
        await self.producer.start()
        chores = (self._acknowledge(), self._keep_time(), self._keep_snapshots())
        self._chores = [asyncio.create_task(guard(chore, self._fail)) for chore in chores]
        await self.app.start()

    async def crashed(self) -> BaseException:
        """Return what the worker died of."""
        return await death_of(self.app, self._failed)

    async def stop(self) -> None:
        """Finish the blocks under way, acknowledge them, write snapshots, and let go."""
        self.vitals.is_ready = False
        self._assigned = frozenset()  # nothing new is begun
        if not self.app.crashed and not self._failed.done():
            async with self._turn:
                await self._window.join()
            for state in list(self.states.values()):
                await self._save(state)
            await asyncio.gather(*self._handing)
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self.app.stop()
        await self.snapshots.close()
        await self.producer.stop()

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_result(error)

    # ------------------------------------------------------------------------ partitions come and go

    async def _on_assigned(self, _app: Any, assigned: Any, *_rest: Any, **_more: Any) -> None:
        """Note what is ours now and forget the rest; what stays ours goes on at its own position."""
        name = self.topics.journal.name
        self._assigned = frozenset(tp.partition for tp in assigned if tp.topic == name)
        for partition in [one for one in self.states if one not in self._assigned]:
            gone = self.states.pop(partition)
            telemetry.partition_forgotten(partition=partition, position=gone.position)
            handing = asyncio.create_task(guard(self._hand_over(gone), self._fail))
            self._handing.add(handing)
            handing.add_done_callback(self._handing.discard)
        self._ticked = {}
        self.vitals.gauges["partitions", ""] = len(self._assigned)
        self.vitals.is_ready = bool(self._assigned) and all(p in self.states for p in self._assigned)

    async def _hand_over(self, gone: PartitionState) -> None:
        """Write down what we know of a partition that left us; its new owner, if it was faster, fences us off."""
        await self._save(gone)
        await self.snapshots.drop_pen(gone.pen)

    async def _open(self, partition: int) -> PartitionState:
        """Return the state of a partition as its newest snapshot tells it; the tail follows by the journal."""
        began = stopwatch()
        pen = await self.snapshots.take_pen(partition)
        found = await self.snapshots.read(partition)
        if found is None:
            state = empty_state(partition, self.policy)
        else:
            state = loaded_state(partition, self.policy, found.buckets, found.note.position, found.note.now)
        state.pen = pen
        self.states[partition] = state
        telemetry.partition_opened(
            partition=partition,
            position=state.position,
            orders=len(state.table),
            seconds=round(stopwatch() - began, 3),
        )
        self.vitals.is_ready = all(p in self.states for p in self._assigned)
        return state

    async def _catch_up(self, state: PartitionState, until: int) -> None:
        """Fold what lies between our position and ``until``, straight from the journal."""
        at = TopicPartition(self.topics.journal.name, state.partition)
        source = reader(self.settings, f"fold-tail-{state.partition}")
        await source.start()
        try:
            source.assign([at])
            source.seek(at, state.position + 1)
            while state.position + 1 < until:
                for record in (await source.getmany(at, timeout_ms=1000)).get(at, ()):
                    if record.offset >= until:
                        break
                    await self._take(state, record.offset, record.value, None)
                    self.vitals.beat()
        finally:
            await source.stop()

    # ------------------------------------------------------------------------ folding

    async def _agent(self, stream: Any) -> None:
        async for event in unacknowledged(stream):
            partition, offset = event.message.partition, event.message.offset
            if partition not in self._assigned:
                continue  # it was in the buffer when the partition left us: its new owner reads it
            async with self._turn:
                state = self.states.get(partition) or await self._open(partition)
                if offset > state.position + 1:
                    await self._catch_up(state, offset)
                await self._take(state, offset, event.message.value, event)
            self.vitals.beat()

    async def _take(self, state: PartitionState, offset: int, block: bytes, event: Any) -> None:
        """Fold a block unless it has been, and put what it led to under way."""
        sent: _Sent = []
        if offset > state.position:
            sent = await self._send(state, state.fold(offset, block or b""))
            state.cool(self.settings.hot_orders // len(self.states))
        await self._window.put((state, offset, event, sent))

    async def _send(self, state: PartitionState, output: Output) -> _Sent:
        send, topics, sent = self.producer.send, self.topics, []
        if output.effective:
            record = outbox_record(output.effective, output.moments)
            sent.append(await send(topics.outbox.name, record, partition=state.partition))
        for identity, fact, now in output.public:
            order_id = fact.order_id
            assert order_id is not None  # decisions are made about orders
            to = partition_of(order_id, topics.decisions.partitions)
            record = public_record(identity, fact, now)
            sent.append(await send(topics.decisions.name, record, key=order_id.encode(), partition=to))
            self.vitals.counts["decisions", fact.TYPE] += 1
        for letter in output.letters:
            sent.append(await send(topics.dead_letters.name, letter_record(letter), key=letter.id.encode()))
            self.vitals.counts["dead_letters", letter.code] += 1
        return sent

    async def _acknowledge(self) -> None:
        """Acknowledge blocks in their order, each when the broker has everything that it led to."""
        while True:
            state, offset, event, sent = await self._window.get()
            for one in sent:
                await one
            state.acknowledged = max(state.acknowledged, offset)
            if event is not None:
                event.ack()
            self._window.task_done()
            if self._window.empty():
                self.vitals.rest()
            self.vitals.counts["blocks", ""] += 1

    # ------------------------------------------------------------------------ time

    async def _keep_time(self) -> None:
        """Write ticks: silence is an event, and nobody else would tell an idle partition that time passes."""
        if self.settings.clock == "history":
            return  # its ticks are records like any other
        while True:
            await asyncio.sleep(self.settings.tick_seconds)
            now = wall_now()
            sent = [await self._tick(partition, now) for partition in sorted(self._assigned)]
            for one in sent:
                if one is not None:
                    await one
            self._gauge(now)

    async def _tick(self, partition: int, now: datetime) -> Any:
        state = self.states.get(partition)
        last = self._ticked.get(partition)
        due = state is not None and state.processor.is_due(now)
        if not due and last is not None and now - last < HEARTBEAT:
            return None
        self._ticked[partition] = now
        self.vitals.counts["ticks", ""] += 1
        self.vitals.work()
        return await self.producer.send(
            self.topics.journal.name, encode_block([tick(now)]), partition=partition
        )

    def _gauge(self, now: datetime) -> None:
        gauges = self.vitals.gauges
        gauges["blocks_under_way", ""] = self._window.qsize()
        gauges["orders", ""] = sum(len(state.table) for state in self.states.values())
        for partition, state in self.states.items():
            name = str(partition)
            gauges["position", name] = state.position
            gauges["lag", name] = self._lag(partition, state.position)
            if state.processor.now is not None:
                gauges["watermark_delay_seconds", name] = (now - state.processor.now).total_seconds()

    def _lag(self, partition: int, position: int) -> float:
        """Return how many records of the journal are not folded yet, as far as the brokers have told us."""
        end = self.app.consumer.highwater(TP(self.topics.journal.name, partition))
        return max(0, (end or 0) - position - 1)

    # ------------------------------------------------------------------------ snapshots

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(self.settings.snapshot_seconds)
            for partition in sorted(self._assigned):
                state = self.states.get(partition)
                if state is not None:
                    await self._save(state)

    async def _save(self, state: PartitionState) -> None:
        """Write one partition down, at a position whose outputs are all acknowledged."""
        async with self._saving:
            if state.position == state.saved:
                return
            began = stopwatch()
            async with self._turn:
                await self._window.join()
                frozen, note = state.freeze(), self._note(state)
            buckets = {}
            for bucket, record in state.table.pack(frozen):
                buckets[bucket] = record
                await asyncio.sleep(0)
            if await self.snapshots.write(state.pen, state.partition, buckets, note):
                state.saved = note.position
                self.vitals.counts["snapshots", ""] += 1
                name = str(state.partition)
                self.vitals.gauges["snapshot", name] = stopwatch()
                self.vitals.gauges["snapshot_seconds", name] = round(stopwatch() - began, 3)
            else:
                state.table.owe(buckets)

    def _note(self, state: PartitionState) -> Note:
        return self.snapshots.note(position=state.position, now=state.processor.now, orders=len(state.table))
