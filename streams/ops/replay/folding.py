"""Folds a history as it was folded then: recorded ticks and recorded outcomes, nothing added, nothing sent."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from streams.codec.blocks import decode_block, decode_entries, encode_block
from streams.core.events import Decision, Event
from streams.core.order import Order
from streams.core.policy import Policy
from streams.ops.history import Batch, Decided
from streams.pipeline.dead_letters import DeadLetter, bury, unlooked
from streams.pipeline.outcomes import SOURCE as OUTCOMES
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.ports import Rejected
from streams.pipeline.processor import TICK_ORDER, Processor, tick
from streams.pipeline.story import kind_world
from streams.problems import InputProblem

_BEFORE_ALL = datetime.fromisoformat("1990-01-01T00:00:00+00:00")  # a block that opens a history has no time
_SHOWN = 20  # letters kept to be shown; all are counted


class Folding:
    """One partition, folded from its beginning; of some ``orders`` alone, when they are named.

    ``orders`` and ``now`` of a bookmark let it go on where it stood.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        only: Collection[str] = (),
        orders: dict[str, Order] | None = None,
        now: datetime | None = None,
    ) -> None:
        self.processor = Processor(policy, orders)
        self.processor.now = now
        self.events = 0
        self.letters: list[DeadLetter] = []
        self.letter_codes: Counter[str] = Counter()
        self._only = frozenset(only)

    @property
    def now(self) -> datetime | None:
        """How far recorded time has come."""
        return self.processor.now

    def fold(self, batch: Batch) -> list[Decided]:
        """Fold a block; return what was decided and what came of decisions, as the public log has them.

        What cannot be folded is counted as a letter and does not stop the rest, as in the service.
        """
        try:
            events = self._events(batch.block)
        except InputProblem as problem:
            self._set_aside(batch, problem)
            return []
        self.events += len(events)
        decided: list[Decided] = []
        self._fold_all(events, batch, decided)
        return decided

    def _events(self, block: bytes) -> list[Event]:
        if not self._only:
            return decode_block(block)
        wanted = [
            one for one in decode_entries(block) if one.order_id in self._only or _is_tick(one.order_id)
        ]
        return decode_block(encode_block(wanted)) if wanted else []

    def _fold_all(self, events: Iterable[Event], batch: Batch, decided: list[Decided]) -> None:
        """Fold events in their order; one loop, for every event of a history passes through it."""
        processor = self.processor
        fold = processor.fold
        for event in events:
            known = processor.duplicates
            try:
                decisions = fold(event)
            except Exception as error:  # noqa: BLE001 - a mistake of ours in one order must not stop the others
                self._count(unlooked(event, error, _place(batch)))
                continue
            if processor.failures:
                for silence, failure in processor.take_failures():
                    self._count(unlooked(silence, failure, _place(batch)))
            if event.source == OUTCOMES and processor.duplicates == known:
                decided.append(_outcome(event))
            if decisions:
                now = processor.now
                assert now is not None
                decided.extend(
                    Decided(id=one.decision_id, order_id=one.order_id, type=one.TYPE, now=now, fact=one)
                    for one in decisions
                )

    def _set_aside(self, batch: Batch, problem: InputProblem) -> None:
        why = problem.why or problem.what
        reason = Rejected(code=problem.code, why=why, hint=problem.hint)
        self._count(bury("journal", _place(batch), reason, batch.block, self.now or _BEFORE_ALL))

    def _count(self, letter: DeadLetter) -> None:
        self.letter_codes[letter.code] += 1
        if len(self.letters) < _SHOWN:
            self.letters.append(letter)


class Retelling(Folding):
    """Folds what was never journaled: nobody ticked and nothing came of decisions, so both are imagined.

    Every alarm fires at its own moment, and every effect works at once, as with ``firstword run --clock history``
    in a world without trouble.
    """

    def run_on(self, until: datetime, batch: Batch) -> list[Decided]:
        """Let time pass in silence up to ``until``; return what that led to."""
        decided: list[Decided] = []
        self._advance(until, batch, decided)
        if self.now is not None and until > self.now:
            super()._fold_all((tick(until),), batch, decided)
        return decided

    def _fold_all(self, events: Iterable[Event], batch: Batch, decided: list[Decided]) -> None:
        for event in events:
            if self.processor.is_due(event.recorded_at):
                self._advance(event.recorded_at, batch, decided)
            self._fold_answered(event, batch, decided)

    def _advance(self, to: datetime, batch: Batch, decided: list[Decided]) -> None:
        due = self.processor.next_alarm()
        while due is not None and due <= to:
            self._fold_answered(tick(due if self.now is None else max(due, self.now)), batch, decided)
            due = self.processor.next_alarm()

    def _fold_answered(self, event: Event, batch: Batch, decided: list[Decided]) -> None:
        coming = deque([event])
        while coming:
            made = len(decided)
            super()._fold_all((coming.popleft(),), batch, decided)
            coming.extend(_answers(decided[made:]))


def _answers(decided: list[Decided]) -> Iterator[Event]:
    for one in decided:
        if isinstance(one.fact, Decision) and one.id == one.fact.decision_id:
            fact = kind_world(one.fact)
            if fact is not None:
                yield outcome_event(fact, one.now)


def _outcome(event: Event) -> Decided:
    return Decided(
        id=event.id,
        order_id=event.order_id,
        type=event.fact.TYPE,
        now=event.recorded_at,
        fact=event.fact,
    )


def _is_tick(order_id: str) -> bool:
    return order_id == TICK_ORDER


def _place(batch: Batch) -> str:
    return f"journal[{batch.partition}]@{batch.position}"
