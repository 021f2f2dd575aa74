"""Drives an engine through time: a history at its own pace, or the present at the wall clock's."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from streams import telemetry
from streams.core.events import MessageOutcome, MessageQueued, MessageWithdrawn
from streams.embedded.engine import BLOCK_EVENTS, READ_UNTIL, Engine
from streams.embedded.journal import LoggedDecision
from streams.pipeline.effects import Effects
from streams.pipeline.ports import Record, Source, Translation

RUN_ON = timedelta(days=60)  # how far a history runs on through silence when nobody says
_BREATH = 256  # records between two looks at the event loop
_HEARTBEAT = 0.5  # seconds between two looks at the clock when nothing else wakes us
_AT_ONCE = 64  # effects under way at the same time; the mail pool has its own, smaller limit
_BEGINNING = datetime.fromisoformat("1990-01-01T00:00:00+00:00")


class Feed(msgspec.Struct, frozen=True):
    """A source and where it reads; ``key`` names its position in the journal."""

    key: str
    source: Source
    location: str


Progress = Callable[[int], None]
Recover = Callable[[datetime], tuple[MessageOutcome, ...]]


def _silent(_count: int) -> None:
    """Show nothing."""


class Runner:
    """One run over one engine. ``stop`` may be set from a signal handler: what is begun is finished."""

    def __init__(
        self, engine: Engine, effects: Effects, feeds: Sequence[Feed], *, progress: Progress = _silent
    ) -> None:
        self.engine = engine
        self.effects = effects
        self.feeds = feeds
        self.progress = progress
        self.stop = asyncio.Event()
        self.taken = 0
        self._retry_at: datetime | None = None
        self._nudge = asyncio.Event()

    # ------------------------------------------------------------------------ history

    async def run_history(self, until: datetime | None, recover: Recover) -> None:
        """Read every feed in the order of arrival, then run on through silence to ``until``.

        Time is the events' own: it stands still while effects happen, so a run that was killed and
        started again decides and sends the same as one that was not.
        """
        engine = self.engine
        if engine.now is not None:
            await self._resume(engine.now, recover)
        last = engine.now or _BEGINNING
        for moment, feed, record, translation in self._arrivals(last):
            if self.stop.is_set():
                break
            last = max(last, moment)
            if self._is_due(last):
                await self._advance(last)
                if self.stop.is_set():  # deadlines before this record may not have fired yet
                    break
            engine.take(record, translation, last, feed.key)
            engine.read_until = last
            self._count()
            if engine.wants_effects:
                await self._pump(last)
            elif engine.buffered >= BLOCK_EVENTS:
                engine.commit()
            if self.taken % _BREATH == 0:
                await asyncio.sleep(0)
        if not self.stop.is_set() and last != _BEGINNING:
            end = until if until is not None else self._run_on_until(last)
            if end > last or engine.now is None:
                await self._advance(end)
                if not self.stop.is_set():
                    engine.pass_time(end, always=True)
                    await self._pump(end)
        engine.commit()
        engine.snapshot()

    def _run_on_until(self, last: datetime) -> datetime:
        """Return when silence has lasted long enough: counted from the last record, so that runs do not add up."""
        seconds = self.engine.counters.get(READ_UNTIL)
        earlier = last if seconds is None else datetime.fromtimestamp(seconds, UTC)
        return (self.engine.read_until or earlier) + RUN_ON

    def _arrivals(self, last: datetime) -> Iterator[tuple[datetime, Feed, Record, Translation]]:
        """Merge the feeds by the time up to which each has come; one feed keeps its own order."""
        streams = [self._arrivals_of(feed, last) for feed in self.feeds]
        if len(streams) == 1:
            return streams[0]
        return heapq.merge(*streams, key=lambda arrival: arrival[0])

    def _arrivals_of(
        self, feed: Feed, last: datetime
    ) -> Iterator[tuple[datetime, Feed, Record, Translation]]:
        moment = last
        after = self.engine.journal.intake_position(feed.key)
        for record in feed.source.read(feed.location, after=after):
            translation = feed.source.translate(record)
            if isinstance(translation, tuple):
                for incoming in translation:
                    moment = max(moment, incoming.occurred_at)
            yield moment, feed, record, translation

    def _is_due(self, to: datetime) -> bool:
        """True when a deadline or a retry lies before ``to``: asked once per record, so kept cheap."""
        due = self.engine.next_alarm()
        return (due is not None and due <= to) or (self._retry_at is not None and self._retry_at <= to)

    async def _advance(self, to: datetime) -> None:
        """Fire every deadline and retry up to ``to``, each at its own moment."""
        engine = self.engine
        while True:
            due = engine.next_alarm()
            if self._retry_at is not None and (due is None or self._retry_at < due):
                due = self._retry_at
            if due is None or due > to or self.stop.is_set():
                return
            now = max(due, engine.now or due)
            if self._retry_at is not None and self._retry_at <= now:
                await self._retry(now)
            engine.pass_time(now)
            if engine.wants_effects:
                await self._pump(now)
            elif engine.buffered >= BLOCK_EVENTS:
                engine.commit()

    async def _pump(self, now: datetime) -> None:
        """Make true what was decided, and what follows from that, until nothing is left."""
        engine = self.engine
        engine.commit()
        mailed = False
        while engine.pending:
            batch = engine.take_pending()
            mailed = mailed or any(isinstance(one.fact, (MessageQueued, MessageWithdrawn)) for one in batch)
            outcomes = await asyncio.gather(*(self.effects.perform(one.fact, now) for one in batch))  # type: ignore[arg-type]
            for one, facts in zip(batch, outcomes, strict=True):
                engine.settle(one.number, facts, now)
                _log(facts)
            engine.commit()
        if mailed:
            self._retry_at = self.effects.sender.next_retry()

    async def _retry(self, now: datetime) -> None:
        outcomes = await self.effects.sender.retry_due(now)
        self.engine.settle(None, outcomes, now)
        _log(outcomes)
        self._retry_at = self.effects.sender.next_retry()

    async def _resume(self, now: datetime, recover: Recover) -> None:
        """Finish what a dead run left: mails in doubt are said to be so, decisions are made true."""
        outcomes = recover(now)
        self.engine.settle(None, outcomes, now)
        _log(outcomes)
        await self._pump(now)
        self._retry_at = self.effects.sender.next_retry()

    def _count(self) -> None:
        self.taken += 1
        self.progress(1)

    # ------------------------------------------------------------------------ the present

    async def run_wall(self, clock: Callable[[], datetime], recover: Recover, *, forever: bool) -> None:
        """Take what comes, at the wall clock; ends when told to, or with its sources unless ``forever``."""
        await self._resume(clock(), recover)
        nudge = self._nudge
        keeper = asyncio.create_task(self._keep_time(clock, nudge))
        feeders = [asyncio.create_task(self._feed(feed, clock)) for feed in self.feeds]
        stopped = asyncio.create_task(self.stop.wait())
        try:
            fed: asyncio.Future[Any] = asyncio.gather(*feeders)
            first: set[asyncio.Future[Any]] = {stopped, keeper, fed}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if fed.done():
                fed.result()
                if forever and not self.stop.is_set():
                    await asyncio.wait(first - {fed}, return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                keeper.result()
        finally:
            self.stop.set()
            nudge.set()
            for task in (*feeders, stopped):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*feeders, return_exceptions=True)
            await keeper
            self.engine.commit()
            self.engine.snapshot()

    async def submit(self, feed: Feed, records: Sequence[Record], clock: Callable[[], datetime]) -> int:
        """Take records that were pushed to us; they are durable when this returns."""
        now = clock()
        for record in records:
            self.engine.take(record, feed.source.translate(record), now)
            self._count()
        self.engine.commit()
        self._nudge.set()
        return len(records)

    async def _feed(self, feed: Feed, clock: Callable[[], datetime]) -> None:
        engine = self.engine
        records = feed.source.read(feed.location, after=engine.journal.intake_position(feed.key))
        count = 0
        while not self.stop.is_set():
            record = (
                await asyncio.to_thread(next, records, None) if feed.location == "-" else next(records, None)
            )
            if record is None:
                break
            engine.take(record, feed.source.translate(record), clock(), feed.key)
            self._count()
            count += 1
            if feed.location == "-" or engine.buffered >= BLOCK_EVENTS:
                engine.commit()
                self._nudge.set()
                await asyncio.sleep(0)
        engine.commit()
        self._nudge.set()
        telemetry.source_finished(source=feed.source.name, place=feed.location, count=count)

    async def _keep_time(self, clock: Callable[[], datetime], nudge: asyncio.Event) -> None:
        """Fire deadlines, make decisions true and retry mails while time passes."""
        engine = self.engine
        under_way: set[asyncio.Task[None]] = set()
        while True:
            now = clock()
            due = engine.next_alarm()
            if due is not None and due <= now:
                engine.pass_time(now)
                engine.commit()
            if self._retry_at is not None and self._retry_at <= now:
                await self._retry(now)
                engine.commit()
            while engine.pending and len(under_way) < _AT_ONCE:
                for one in engine.take_pending():
                    under_way.add(asyncio.create_task(self._perform(one, clock)))
            under_way = {task for task in under_way if not _finished(task)}
            if self.stop.is_set() and not under_way and not engine.pending:
                return
            nudge.clear()
            nudged = asyncio.create_task(_wait(nudge))
            await asyncio.wait({nudged, *under_way}, timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
            nudged.cancel()

    async def _perform(self, one: LoggedDecision, clock: Callable[[], datetime]) -> None:
        outcomes = await self.effects.perform(one.fact, clock())  # type: ignore[arg-type]
        self.engine.settle(one.number, outcomes, clock())
        _log(outcomes)
        self.engine.commit()
        self._retry_at = self.effects.sender.next_retry()


async def _wait(nudge: asyncio.Event) -> None:
    await nudge.wait()


def _finished(task: asyncio.Task[None]) -> bool:
    """True when a task is done; what it raised is raised here, so that no failure is silent."""
    if not task.done():
        return False
    task.result()
    return True


def _log(outcomes: Sequence[object]) -> None:
    for fact in outcomes:
        if isinstance(fact, MessageOutcome):
            telemetry.message_settled(
                order_id=fact.order_id,
                message_id=fact.message_id,
                template=fact.template,
                state=fact.TYPE.split(".")[1],
            )
