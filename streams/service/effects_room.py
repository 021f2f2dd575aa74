"""Where decisions out of the outbox are made true: many at a time, and acknowledged in their order.

A record may be acknowledged when each of its decisions is done, or is the ledger's to finish (a mail that a
relay defers), when the brokers have what came of them, and when all records before it in its partition may.
Knows neither Faust nor Kafka: records come in as bytes, outcomes and dead letters go out through functions.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from math import inf

from streams.core.events import (
    AnyFact,
    Decision,
    MessageQueued,
    ReplacementRequested,
    ReturnLabelLapsed,
    ReturnLabelRequested,
)
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.effects import Effects
from streams.pipeline.patience import Patience
from streams.service.labels_under_way import LabelsUnderWay
from streams.service.moments import Moments
from streams.service.records import Effective
from streams.service.reporting import Reporter, log_outcomes
from streams.service.salvage import OutboxRecord, salvage
from streams.service.vitals import Vitals

# Decisions to be done: a second of a fast relay, and labels do not wait behind fewer mails than that.
WINDOW = 512
# Records in hand, done ones included that may not be acknowledged yet: a label that cannot be bought for an hour
# holds nobody up. Some 40 MB.
RECORDS = 20_000
# A restart does not bring a label provider back, and would stop the mails: it is asked for as long as it takes.
_PROVIDER_PAUSE = 10.0  # seconds
_LEAVE = 0.1  # seconds at the end for records whose decisions are done; all others are read again

Bury = Callable[[DeadLetter], Awaitable[None]]


class _Place:
    """A record's place in the line of its partition."""

    def __init__(self, record: OutboxRecord) -> None:
        self.record = record
        self.is_done = False
        self.may_acknowledge: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class EffectsRoom:
    """One worker's; belongs to one event loop. ``fail`` is told what the worker must not go on after.

    ``positions`` is, by partition, the offset behind the last record that may be acknowledged.
    """

    def __init__(
        self,
        *,
        effects: Effects,
        reporter: Reporter,
        bury: Bury,
        moments: Moments,
        patience: Patience,
        vitals: Vitals,
        mails_at_once: int,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._effects = effects
        self._reporter = reporter
        self._bury = bury
        self._moments = moments
        self._patience = patience
        self._endless = Patience(inf, pause=_PROVIDER_PAUSE)
        self._vitals = vitals
        # Claimed is what can be sent soon: all others stay unclaimed, for any worker to take over.
        self._mails = asyncio.Semaphore(mails_at_once)
        self._fail = fail
        self._lines: defaultdict[int, deque[_Place]] = defaultdict(deque)
        self._labels = LabelsUnderWay()
        self._tasks: set[asyncio.Task[None]] = set()
        self._decisions = 0
        self._records = 0
        self._begun = 0
        self._is_closing = False
        self._changed = asyncio.Event()
        self.positions: dict[int, int] = {}

    async def admit(self, record: OutboxRecord) -> asyncio.Future[None]:
        """Wait for room, and begin a record; the future is done when it may be acknowledged.

        Futures of one partition are done in the order of admission; that of a record that fails or is dropped
        never is.
        """
        while self._decisions >= WINDOW or self._records >= RECORDS or self._is_closing:
            await self._next_change()
        self._vitals.work()
        place = _Place(record)
        self._lines[record.partition].append(place)
        self._records += 1
        task = asyncio.create_task(self._make_true(record))
        self._tasks.add(task)
        task.add_done_callback(partial(self._leave, place))
        return place.may_acknowledge

    async def close(self, seconds: float) -> None:
        """Begin nothing more, wait for what is begun, and drop the rest: it stays unacknowledged."""
        self._is_closing = True
        with suppress(TimeoutError):  # what is cut off here is found in the ledger by the next start
            async with asyncio.timeout(seconds):
                while self._begun:
                    await self._next_change()
        if (
            self._tasks
        ):  # what has just become complete leaves in a few turns of the loop, and is acknowledged
            await asyncio.wait(self._tasks, timeout=_LEAVE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_busy(self) -> bool:
        """True while something is begun: it may wait for a relay or a provider."""
        return self._begun > 0

    # ------------------------------------------------------------------------ one record

    async def _make_true(self, record: OutboxRecord) -> None:
        decisions, letters = salvage(record)
        self._count(len(decisions))
        try:
            await asyncio.gather(*map(self._perform, decisions), *map(self._set_aside, letters))
        finally:
            self._count(-len(decisions))

    async def _perform(self, one: Effective) -> None:
        now = self._moments.of(one.now)
        attempt = partial(self._attempt, one.decision, now)
        if isinstance(one.decision, MessageQueued):
            await self._labels.bought_for(one.decision)
            async with self._mails:
                facts = await self._patience.with_(attempt)
        elif isinstance(one.decision, ReturnLabelRequested):
            with self._labels.buying(one.decision):
                facts = await self._endless.with_(attempt)
        elif isinstance(one.decision, (ReplacementRequested, ReturnLabelLapsed)):
            facts = await self._endless.with_(attempt)
        else:
            facts = await self._patience.with_(attempt)
        self._vitals.counts["effects", one.decision.TYPE] += 1
        log_outcomes(facts, self._vitals)
        with self._beginning():
            await self._reporter.report(facts, now)
        self._vitals.beat()

    async def _attempt(self, decision: Decision, now: datetime) -> tuple[AnyFact, ...]:
        if self._is_closing:
            await asyncio.Event().wait()  # until we are canceled
        with self._beginning():
            return await self._effects.perform(decision, now)

    @contextmanager
    def _beginning(self) -> Iterator[None]:
        """Count what an end in order waits for."""
        self._begun += 1
        try:
            yield
        finally:
            self._begun -= 1
            self._changed.set()

    async def _set_aside(self, letter: DeadLetter) -> None:
        await self._bury(letter)
        self._vitals.counts["dead_letters", letter.code] += 1

    # ------------------------------------------------------------------------ order and room

    def _leave(self, place: _Place, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self._fail(error)
            return
        place.is_done = True
        self._move_up(place.record.partition)
        if not self._tasks:
            self._vitals.rest()

    def _move_up(self, partition: int) -> None:
        """Let go of those at the head of the line that are done."""
        line = self._lines[partition]
        while line and line[0].is_done:
            place = line.popleft()
            self._records -= 1
            self.positions[partition] = place.record.offset + 1
            if not place.may_acknowledge.done():
                place.may_acknowledge.set_result(None)
        self._changed.set()

    def _count(self, decisions: int) -> None:
        self._decisions += decisions
        self._vitals.gauges["effects_under_way", ""] = self._decisions
        self._changed.set()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
