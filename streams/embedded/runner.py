"""Drives an engine through time: a history at its own pace, or the present at the wall clock's."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from streams import telemetry
from streams.core.events import (
    AllowanceRequested,
    AnyFact,
    MessageOutcome,
    MessageQueued,
    MessageWithdrawn,
    MixUpSuspected,
    ReplacementRequested,
    ReturnLabelLapsed,
    ReturnLabelRequested,
)
from streams.embedded.engine import BLOCK_EVENTS, READ_UNTIL, Engine
from streams.embedded.inbox import UNREADABLE, Inbox
from streams.embedded.journal import LoggedDecision
from streams.embedded.pipe import read_behind
from streams.pipeline.arrivals import BEGINNING, arrivals
from streams.pipeline.effects import Effects
from streams.pipeline.patience import Patience
from streams.pipeline.ports import Record, Source, Translation
from streams.problems import WorldProblem

RUN_ON = timedelta(days=60)  # how far a history runs on through silence when nobody says
_BREATH = 256  # records between two looks at the event loop
_HEARTBEAT = 0.5  # seconds between two looks at the clock when nothing else wakes us
_LOOK_EVERY = timedelta(seconds=1)  # how often the ledger is asked what a person did in it
_AT_ONCE = 64  # effects under way at the same time; the mail pool has its own, smaller limit
_ASKED_OF_OTHERS = (
    ReturnLabelRequested,
    ReturnLabelLapsed,
    ReplacementRequested,
    AllowanceRequested,
    MixUpSuspected,
)


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
        self,
        engine: Engine,
        effects: Effects,
        feeds: Sequence[Feed],
        *,
        inbox: Inbox | None = None,
        progress: Progress = _silent,
    ) -> None:
        self.engine = engine
        self.effects = effects
        self.feeds = feeds
        self.inbox = inbox
        self.progress = progress
        self.stop = asyncio.Event()
        self.taken = 0
        self._retry_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._is_retrying = False
        self._is_ending = False
        self._is_catching_up = False
        self._nudge = asyncio.Event()
        self._patience = Patience()

    # ------------------------------------------------------------------------ history

    async def run_history(self, until: datetime | None, recover: Recover) -> None:
        """Read every feed in the order of arrival, then run on through silence to ``until``.

        Time is the events' own: it stands still while effects happen, so a run that was killed and
        started again decides and sends the same as one that was not.
        """
        engine = self.engine
        if engine.now is not None:
            await self._resume(engine.now, recover)
            await self._empty_inbox(engine.now)
        last = engine.now or BEGINNING
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
        if not self.stop.is_set() and last != BEGINNING:
            await self._empty_inbox(last)
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
        after = self.engine.journal.intake_position(feed.key)
        for moment, record, translation in arrivals(feed.source, feed.location, after=after, last=last):
            yield moment, feed, record, translation

    def _is_due(self, to: datetime) -> bool:
        """True when a deadline or a retry lies before ``to``: asked once per record, so kept cheap."""
        return self.engine.is_due(to) or (self._retry_at is not None and self._retry_at <= to)

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
            outcomes = await asyncio.gather(*(self._made_true(one, lambda: now) for one in batch))
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
        self._pass_on(now)
        await self._pump(now)
        self._retry_at = self.effects.sender.next_retry()

    async def _empty_inbox(self, now: datetime) -> None:
        """Take what others left for a history, at the time to which it has come."""
        while self.inbox is not None and not self.stop.is_set():
            count = self.inbox.drain(self.engine, now)
            if not count:
                return
            self._count(count)
            await self._pump(now)

    def _count(self, count: int = 1) -> None:
        self.taken += count
        self.progress(count)

    # ------------------------------------------------------------------------ the present

    async def run_wall(self, clock: Callable[[], datetime], recover: Recover, *, forever: bool) -> None:
        """Take what comes, at the wall clock; ends when told to, or with its sources unless ``forever``."""
        self.engine.journal.wait_for_disk()  # who pushed a record to us will not push it again
        self._patience = Patience(math.inf) if forever else self._patience
        now = clock()
        self._told(recover(now), now)
        nudge = self._nudge
        keeper = asyncio.create_task(self._keep_time(clock, nudge))
        self._is_catching_up = True
        feeders = [asyncio.create_task(self._feed(feed, clock)) for feed in self.feeds]
        reading = asyncio.create_task(self._catch_up(feeders))
        stopped = asyncio.create_task(self.stop.wait())
        try:
            fed: asyncio.Future[Any] = asyncio.gather(*feeders)
            fed.add_done_callback(_seen)  # a stop cancels it, and nobody asks it then
            first: set[asyncio.Future[Any]] = {stopped, keeper, fed}
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            if fed.done():
                fed.result()
                if forever and not self.stop.is_set():
                    await asyncio.wait(first - {fed}, return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                keeper.result()
        except BaseException:
            self.stop.set()  # begin nothing more on half the knowledge
            raise
        finally:
            self._is_ending = True
            self._is_catching_up = False
            nudge.set()
            for task in (*feeders, reading, stopped):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*feeders, return_exceptions=True)
            await keeper
            self.engine.commit()
            self.engine.snapshot()

    async def _catch_up(self, feeders: Sequence[asyncio.Task[None]]) -> None:
        """Do nothing about an order before its files are read to the end: their last line may say that it arrived."""
        files = [task for task, feed in zip(feeders, self.feeds, strict=True) if feed.location != "-"]
        if files:
            await asyncio.wait(files)
        self._is_catching_up = False
        self._nudge.set()

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
        async for some in read_behind(records) if feed.location == "-" else _in_blocks(records):
            for record in some:
                engine.take(record, feed.source.translate(record), clock(), feed.key)
                self._count()
            count += len(some)
            engine.commit()
            self._nudge.set()
            await asyncio.sleep(0)
            if self.stop.is_set():
                break
        telemetry.source_finished(source=feed.source.name, place=feed.location, count=count)

    async def _keep_time(self, clock: Callable[[], datetime], nudge: asyncio.Event) -> None:
        """Fire deadlines, make decisions true and retry mails while time passes."""
        engine = self.engine
        under_way: dict[asyncio.Task[None], bool] = {}
        try:
            while True:
                now = clock()
                due = engine.next_alarm()
                if due is not None and due <= now:
                    engine.pass_time(now)
                    engine.commit()
                came = 0 if self.stop.is_set() else self._drain(clock())
                self._look_at_the_ledger(now)
                under_way = {task: is_mail for task, is_mail in under_way.items() if not _finished(task)}
                if not self.stop.is_set() and not self._is_catching_up:
                    # What is not begun when we are told to stop stays pending, for the next start.
                    under_way |= self._begin(now, clock, _AT_ONCE - sum(under_way.values()))
                is_done = self._is_ending and not engine.pending and not came
                if not under_way and (self.stop.is_set() or is_done):
                    return
                nudge.clear()
                nudged = asyncio.create_task(_wait(nudge))
                await asyncio.wait(
                    {nudged, *under_way},
                    timeout=0 if came else _HEARTBEAT,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                nudged.cancel()
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(
                *under_way, return_exceptions=True
            )  # the first failure is told, not all of them

    def _drain(self, now: datetime) -> int:
        """Take what others left. An inbox that cannot be read stops nothing: its writers hear of it, and our log."""
        if self.inbox is None:
            return 0
        try:
            count = self.inbox.drain(self.engine, now)
        except WorldProblem as problem:
            if problem.code != UNREADABLE:
                raise
            telemetry.inbox_unreadable(place=problem.where, why=problem.why)
            self.inbox = None
            return 0
        self._count(count)
        return count

    def _look_at_the_ledger(self, now: datetime) -> None:
        """See whether a person has settled or reopened a mail meanwhile: that comes by no event."""
        if self._is_retrying or (self._looked_at is not None and now < self._looked_at + _LOOK_EVERY):
            return
        self._looked_at = now
        self._retry_at = self.effects.sender.next_retry()
        self._pass_on(now)

    def _pass_on(self, now: datetime) -> None:
        """Tell the orders that waited in a storm what people have said."""
        judge = self.effects.judge
        while judge is not None and (answers := judge.due(now)):
            self.engine.settle(None, answers, now)
            self.engine.commit()
            judge.told([one.allowance_id for one in answers])

    def _begin(
        self, now: datetime, clock: Callable[[], datetime], room: int
    ) -> dict[asyncio.Task[None], bool]:
        """Set in motion what is due; True stands for a mail, of which there may be ``room`` more.

        A slow relay holds up neither the keeper of time nor labels and replacements.
        """
        begun: dict[asyncio.Task[None], bool] = {}
        if self._retry_at is not None and self._retry_at <= now and not self._is_retrying:
            self._is_retrying = True
            begun[asyncio.create_task(self._retry_now(clock))] = False
        for one in self.engine.take_pending(room):
            is_mail = isinstance(one.fact, MessageQueued)
            begun[asyncio.create_task(self._perform(one, clock))] = is_mail
        return begun

    async def _perform(self, one: LoggedDecision, clock: Callable[[], datetime]) -> None:
        if isinstance(one.fact, _ASKED_OF_OTHERS):
            await self._ask_others(one, clock)
            return
        outcomes = await self.effects.perform(one.fact, clock())  # type: ignore[arg-type]
        self._told(outcomes, clock(), one.number)

    async def _ask_others(self, one: LoggedDecision, clock: Callable[[], datetime]) -> None:
        """Ask until there is an answer, or until we are told to stop: it stays pending then, for the next start."""
        asked = asyncio.create_task(self._made_true(one, clock))
        stopped = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({asked, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                self._told(asked.result(), clock(), one.number)
        finally:
            asked.cancel()
            stopped.cancel()

    async def _made_true(self, one: LoggedDecision, clock: Callable[[], datetime]) -> tuple[AnyFact, ...]:
        """Make a decision true; a label seller or an order system that is out of order is asked again."""
        if not isinstance(one.fact, _ASKED_OF_OTHERS):
            return await self.effects.perform(one.fact, clock())  # type: ignore[arg-type]
        decision = one.fact
        return await self._patience.with_(lambda: self.effects.perform(decision, clock()))

    async def _retry_now(self, clock: Callable[[], datetime]) -> None:
        try:
            outcomes = await self.effects.sender.retry_due(clock())
        finally:
            self._is_retrying = False
        self._told(outcomes, clock())

    def _told(self, outcomes: Sequence[AnyFact], now: datetime, number: int | None = None) -> None:
        """Write down what came of effects, and see when the next mail wants another try."""
        self.engine.settle(number, outcomes, now)
        _log(outcomes)
        self.engine.commit()
        self._retry_at = self.effects.sender.next_retry()


async def _in_blocks(records: Iterator[Record]) -> AsyncIterator[list[Record]]:
    while some := list(islice(records, BLOCK_EVENTS)):
        yield some


async def _wait(nudge: asyncio.Event) -> None:
    await nudge.wait()


def _seen(fed: asyncio.Future[Any]) -> None:
    """Take note of how the feeds ended, so that a stop in the middle of them is no unheard error."""
    if not fed.cancelled():
        fed.exception()


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
