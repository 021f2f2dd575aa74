"""Tells the journal what came of decisions: outcomes go to their topic, and then the ledger learns that they did.

Whoever asks waits until the brokers have the outcome. Beside that, outcomes of mails stay marked in the
ledger until they are told, so that a process that dies in between leaves them to the next one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from streams import telemetry
from streams.codec.blocks import Entry, encode_block, to_entry
from streams.core.events import AnyFact, MessageInDoubt, MessageOutcome
from streams.mail import ledger as rules
from streams.mail.ledger import Ledger, Row, Told
from streams.pipeline.effects import Apart
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.patience import Patience
from streams.service.partition import partition_of
from streams.service.topics import Topic
from streams.service.vitals import Vitals

BLOCK_EVENTS = 256
BLOCK_BYTES = 64 * 1024
_AT_ONCE = 500  # rows of the ledger that are looked through at a time

Send = Callable[..., Awaitable["asyncio.Future[Any]"]]


class _Report(msgspec.Struct, frozen=True):
    """What somebody has to tell, the moment at which it came true, and the one who waits."""

    facts: Sequence[AnyFact]
    now: datetime
    heard: asyncio.Future[None]


class Reporter:
    """One worker's voice; ``send`` is a producer's. Belongs to one event loop.

    With ``own_time`` every record bears the moment of its outcomes as its timestamp, as a history needs it.
    """

    def __init__(
        self,
        *,
        send: Send,
        topic: Topic,
        ledger: Ledger,
        apart: Apart,
        vitals: Vitals,
        own_time: bool = False,
    ) -> None:
        self._send = send
        self._topic = topic
        self._ledger = ledger
        self._apart = apart
        self._vitals = vitals
        self._own_time = own_time
        self._reports: list[_Report] = []
        self._told: list[Told] = []
        self._to_say = asyncio.Event()
        self._to_note = asyncio.Event()
        self._noted = asyncio.Event()
        self._noted.set()

    async def report(self, facts: Sequence[AnyFact], now: datetime) -> None:
        """Return when the brokers have every fact."""
        if not facts:
            return
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reports.append(_Report(facts, now, heard))
        self._to_say.set()
        await heard

    async def keep_talking(self) -> None:
        """Say what there is, for ever: while one batch is on its way, the next one gathers."""
        while True:
            await self._to_say.wait()
            self._to_say.clear()
            reports, self._reports = self._reports, []
            sent = [
                await self._send(self._topic.name, block, partition=partition, timestamp_ms=moment)
                for partition, moment, block in self._blocks(reports)
            ]
            for one in sent:
                await one
            self._heard(reports)

    async def keep_notes(self, patience: Patience) -> None:
        """Write down in the ledger what was said, for ever."""
        while True:
            await self._to_note.wait()
            self._to_note.clear()
            told, self._told = self._told, []
            await patience.with_(partial(self._apart, self._ledger.told, told))
            if not self._told:
                self._noted.set()

    async def rest(self, seconds: float) -> None:
        """Wait until everything that was said is noted, or so long: what is not is said again by the next start."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._noted.wait(), seconds)

    async def catch_up(self, since: datetime) -> None:
        """Tell what was written down by then or before, by whichever worker, and never told."""
        while rows := await self._apart(self._ledger.untold, since, _AT_ONCE):
            for row in rows:
                log_outcomes(rules.outcome(row), self._vitals)
            await asyncio.gather(*(self.report(rules.outcome(row), row.updated_at) for row in rows))
            await self._apart(self._ledger.told, [_told_row(row) for row in rows])
            if len(rows) < _AT_ONCE:
                return

    def _blocks(self, reports: Sequence[_Report]) -> Iterator[tuple[int, int | None, bytes]]:
        """Return partition, timestamp and value of the records for all that there is to say."""
        entries: defaultdict[tuple[int, int | None], list[Entry]] = defaultdict(list)
        for one in reports:
            moment = int(one.now.timestamp() * 1000) if self._own_time else None
            for fact in one.facts:
                entry = to_entry(outcome_event(fact, one.now))
                to = partition_of(entry.order_id, self._topic.partitions)
                entries[to, moment].append(entry)
        for (partition, moment), every in entries.items():
            for some in _cut(every):
                yield partition, moment, encode_block(some)

    def _heard(self, reports: Sequence[_Report]) -> None:
        for one in reports:
            if not one.heard.done():  # who was canceled does not wait any more
                one.heard.set_result(None)
            self._vitals.counts["outcomes_reported", ""] += len(one.facts)
            self._told += [_told(fact) for fact in one.facts if isinstance(fact, MessageOutcome)]
        if self._told:
            self._noted.clear()
            self._to_note.set()
        self._vitals.beat()


def _cut(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    block: list[Entry] = []
    size = 0
    for entry in entries:
        if block and (len(block) >= BLOCK_EVENTS or size + len(entry.data) > BLOCK_BYTES):
            yield block
            block, size = [], 0
        block.append(entry)
        size += len(entry.data)
    if block:
        yield block


def _told(fact: MessageOutcome) -> Told:
    return Told(message_id=fact.message_id, state=state_of(fact), attempt=fact.attempt)


def _told_row(row: Row) -> Told:
    return Told(message_id=row.message_id, state=row.state, attempt=row.attempt)


def state_of(fact: MessageOutcome) -> str:
    """Return the ledger's word for an outcome."""
    return fact.TYPE.split(".")[1]


def log_outcomes(facts: Sequence[AnyFact], vitals: Vitals) -> None:
    """Log and count what came of mails."""
    for fact in facts:
        if not isinstance(fact, MessageOutcome):
            continue
        vitals.counts["mails", state_of(fact)] += 1
        telemetry.message_settled(
            order_id=fact.order_id,
            message_id=fact.message_id,
            template=fact.template,
            state=state_of(fact),
        )
        if isinstance(fact, MessageInDoubt):
            telemetry.message_in_doubt(
                order_id=fact.order_id, message_id=fact.message_id, template=fact.template
            )
