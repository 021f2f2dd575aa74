"""Runs the embedded engine over a drawn history, kills it where a law says so, and starts it again."""

from __future__ import annotations

import heapq
import tempfile
from datetime import datetime
from itertools import count
from pathlib import Path

import msgspec

from streams.core.events import AnyFact, Event, ReviewRequested
from streams.core.policy import Policy
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal, LoggedDecision
from streams.pipeline.ports import Incoming, Record, Translation
from tests.builders import World

TAKEN, COMMITTED, PERFORMED = 0, 1, 2
"""Where a process dies: a record taken and not written, written and not acted on, acted on and not noted."""

FEED = "feed"
_MEMORY = Path("/dev/shm")  # a disk in memory, where there is one: laws write thousands of journals


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for one run."""
    return tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What a source said, and when."""

    at: datetime
    said: Translation

    def __repr__(self) -> str:
        """Return what a person wants to read of it."""
        if not isinstance(self.said, tuple):
            return f"\n  {self.at:%d %H:%M} {self.said!r}"
        facts = (f"{one.id} {one.order_id} {msgspec.json.encode(one.fact).decode()}" for one in self.said)
        return f"\n  {self.at:%d %H:%M} " + "; ".join(facts)


def arrival(event: Event) -> Arrival:
    """Return an event as it comes from a source that knows the order."""
    incoming = Incoming(
        id=event.id,
        source=event.source,
        occurred_at=event.occurred_at,
        order_id=event.order_id,
        fact=event.fact,
    )
    return Arrival(at=event.recorded_at, said=(incoming,))


class Rig:
    """One run that survives its deaths. ``crashes`` maps the number of a record to the place of the death."""

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        world: World,
        *,
        crashes: dict[int, int] | None = None,
        snapshots: frozenset[int] = frozenset(),
    ) -> None:
        self.path = folder / "journal.sqlite"
        self.policy = policy
        self.world = world
        self.crashes = dict(crashes or {})
        self.snapshots = snapshots
        self._promised: set[str] = set()
        self._coming: list[tuple[datetime, int, AnyFact]] = []
        self._numbers = count()
        self._dying: int | None = None
        self._start()

    def close(self) -> None:
        """Let go of the file."""
        self.journal.close()

    def run(self, arrivals: list[Arrival], until: datetime) -> None:
        """Take every arrival in order and run on to ``until``, as the runner does with a history."""
        while True:
            try:
                self._take_from(arrivals, self.journal.intake_position(FEED) + 1)
                self._advance(until)
                self.engine.pass_time(until)
                self._pump(until)
            except _Death:
                self.restart()
            else:
                return

    def restart(self) -> None:
        """Forget everything that is not written, and go on as a new process would."""
        self._dying = None
        self.journal.close()
        self._start()
        if self.engine.now is not None:
            self._pump(self.engine.now)

    def table(self) -> list[tuple[object, ...]]:
        """Return the decisions and outcomes as they stand in the file."""
        rows = self.journal._db.execute(
            "SELECT number, id, order_id, type, now, body FROM decisions ORDER BY 1"
        )
        return list(rows)

    def _start(self) -> None:
        self.journal = Journal(self.path)
        self.engine = Engine(self.journal, self.policy)

    def _take_from(self, arrivals: list[Arrival], start: int) -> None:
        for position in range(start, len(arrivals)):
            one = arrivals[position]
            now = max(one.at, self.engine.now or one.at)
            self._advance(now)
            record = Record(source="law", place=f"{FEED}:{position}", position=position, raw=b"?")
            self.engine.take(record, one.said, now, FEED)
            self._dying = self.crashes.pop(position, None)
            self._die(TAKEN)
            if self._wanted() or self._dying is not None or position % 5 == 0:
                self._pump(now)
            if position in self.snapshots:
                self.engine.commit()
                self.engine.snapshot()

    def _advance(self, to: datetime) -> None:
        while True:
            due = self.engine.next_alarm()
            answer = self._coming[0][0] if self._coming else None
            if due is not None and due <= to and (answer is None or due <= answer):
                now = max(due, self.engine.now or due)
                self.engine.pass_time(now)
            elif answer is not None and answer <= to:
                now, _, fact = heapq.heappop(self._coming)
                self.engine.settle(None, (fact,), now)
            else:
                return
            if self._wanted():  # asked before it is written: afterwards the batch is empty
                self._pump(now)
            else:
                self.engine.commit()

    def _wanted(self) -> bool:
        """True when something was decided for which a provider or a person is waiting."""
        reviews = (row for row in self.engine._batch.decisions if row[3] == ReviewRequested.TYPE)
        return self.engine.wants_effects or any(reviews)

    def _pump(self, now: datetime) -> None:
        self.engine.commit()
        self._die(COMMITTED)
        self._ask_a_person()
        while self.engine.pending:
            batch = self.engine.take_pending()
            answers = [(one, self._perform(one, now)) for one in batch]
            self._die(PERFORMED)
            for one, outcomes in answers:
                self.engine.settle(one.number, outcomes, now)
            self.engine.commit()
            self._ask_a_person()

    def _ask_a_person(self) -> None:
        """Let somebody read the reviews that are written down; nobody but the file tells them."""
        for asked in self.journal._decisions("WHERE type = ? ORDER BY number", (ReviewRequested.TYPE,)):
            self._perform(asked, asked.now)

    def _perform(self, one: LoggedDecision, now: datetime) -> list[AnyFact]:
        """Return what is answered at once, every time; what comes later comes once."""
        answers = self.world(one.fact)  # type: ignore[arg-type]  # only decisions are pending
        if one.id not in self._promised:
            self._promised.add(one.id)
            for delay, fact in answers:
                if delay:
                    heapq.heappush(self._coming, (now + delay, next(self._numbers), fact))
        return [fact for delay, fact in answers if not delay]

    def _die(self, place: int) -> None:
        if self._dying == place:
            raise _Death


class _Death(Exception):  # noqa: N818 - nothing went wrong: a law wanted it
    """The process is gone."""
