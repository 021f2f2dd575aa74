"""One partition of the journal, folded: its orders, its alarms and the position through which it has come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from streams import telemetry
from streams.codec.blocks import decode_block
from streams.core.events import AnyFact, Decision, Event
from streams.core.policy import Policy
from streams.pipeline.dead_letters import DeadLetter, bury, unlooked
from streams.pipeline.effects import is_effective
from streams.pipeline.outcomes import SOURCE as OUTCOMES
from streams.pipeline.ports import Rejected
from streams.pipeline.processor import Processor
from streams.problems import InputProblem
from streams.service.order_table import Bucket, Frozen, OrderTable

NOWHERE = -1  # the position before the first record


class Output:
    """What one block led to: decisions to make true, facts for the public log, and letters nobody could fold."""

    __slots__ = ("effective", "letters", "moments", "public")

    def __init__(self) -> None:
        self.effective: list[Decision] = []
        self.moments: list[datetime] = []
        self.public: list[tuple[str, AnyFact, datetime]] = []
        self.letters: list[DeadLetter] = []


class PartitionState:
    """A pure fold over one partition: whoever reads the same blocks holds the same state.

    ``position`` is the last offset folded, ``acknowledged`` the last one whose outputs the broker has.
    """

    def __init__(
        self, partition: int, processor: Processor, table: OrderTable, position: int = NOWHERE
    ) -> None:
        self.partition = partition
        self.processor = processor
        self.table = table
        self.position = position
        self.acknowledged = position
        self.saved = position
        self.events = 0
        self.pen: Any = None  # what its snapshots are written with, once somebody does

    def fold(self, offset: int, block: bytes) -> Output:
        """Fold the block at ``offset``, which is the next one; what cannot be folded goes aside."""
        output = Output()
        self.position = offset
        try:
            events = decode_block(block)
        except InputProblem as problem:
            self._set_aside(output, offset, block, problem)
            return output
        self.events += len(events)
        for event in events:
            self._fold_event(output, event, offset)
        return output

    def freeze(self) -> Frozen:
        """Hold on to what changed since the last snapshot."""
        touched, self.processor.touched = self.processor.touched, set()
        return self.table.freeze(touched)

    def cool(self, limit: int) -> None:
        """Let go of unpacked orders beyond ``limit``."""
        self.table.cool(limit, self.processor.touched)

    def _fold_event(self, output: Output, event: Event, offset: int) -> None:
        processor = self.processor
        known = processor.duplicates
        try:
            decisions = processor.fold(event)
        except Exception as error:  # noqa: BLE001 - a mistake of ours in one order must not stop the others
            output.letters.append(unlooked(event, error, self._place(offset)))
            return
        for silence, failure in processor.take_failures():
            output.letters.append(unlooked(silence, failure, self._place(offset)))
        if event.source == OUTCOMES and processor.duplicates == known:
            output.public.append((event.id, event.fact, event.recorded_at))
        if decisions:
            now = processor.now
            assert now is not None
            for decision in decisions:
                output.public.append((decision.decision_id, decision, now))
                if is_effective(decision):
                    output.effective.append(decision)
                    output.moments.append(now)

    def _set_aside(self, output: Output, offset: int, block: bytes, problem: InputProblem) -> None:
        telemetry.journal_record_unreadable(
            partition=self.partition, offset=offset, code=problem.code, why=problem.why or problem.what
        )
        reason = Rejected(code=problem.code, why=problem.why or problem.what, hint=problem.hint or "")
        now = self.processor.now or datetime.fromisoformat("1990-01-01T00:00:00+00:00")
        output.letters.append(bury("journal", self._place(offset), reason, block, now))

    def _place(self, offset: int) -> str:
        return f"journal[{self.partition}]@{offset}"


def empty_state(partition: int, policy: Policy) -> PartitionState:
    """Return the state before the first record."""
    return loaded_state(partition, policy, {}, NOWHERE, None)


def loaded_state(
    partition: int, policy: Policy, buckets: Mapping[int, Bucket], position: int, now: datetime | None
) -> PartitionState:
    """Return the state that a snapshot holds, as of ``position``."""
    table = OrderTable()
    alarms = table.load(buckets)
    processor = Processor(policy, table.hot, find=table.find, alarms=alarms)
    processor.now = now
    return PartitionState(partition, processor, table, position)
