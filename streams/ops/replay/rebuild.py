"""State and decisions made anew from the history, and written down where nobody acts on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from streams.codec.envelope import encode_envelope
from streams.core.events import Event
from streams.core.order import Order
from streams.ops.history import Batch, Decided, Extent
from streams.ops.replay.crew import Report, Stop, fold_all
from streams.ops.replay.explaining import rule_of
from streams.ops.replay.folding import Folding, Retelling
from streams.ops.replay.travel import Arrived, Came, Route, travel
from streams.ops.stretch import Stretch
from streams.ops.telling import say

PUBLIC = "firstword"  # the source of every decision in the public log (contract, section 2)
SILENCE = timedelta(days=60)  # as `firstword run --clock history` runs on behind the last event
_TOLD = 200  # decisions and orders kept to be printed; all are written to files


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision or outcome, as people read it."""

    order_id: str
    at: datetime
    id: str
    type: str
    by: str
    says: str


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a history leads to today. ``told`` and ``states`` are kept for the orders that were asked about alone."""

    history: str
    policy: str
    decisions: int
    by_type: dict[str, int]
    told: tuple[Decision, ...]
    states: tuple[dict[str, Any], ...]
    came: tuple[Came, ...]


class Part(msgspec.Struct):
    """What one partition leads to."""

    by_type: dict[str, int]
    told: list[Decision]
    states: list[dict[str, Any]]


class RebuildTask:
    """Counts and writes what is decided; of chosen orders it also keeps it to be printed."""

    def __init__(self, route: Route, partition: int, *, writes: bool, keeps_states: bool) -> None:
        self.lines: list[tuple[datetime, bytes]] = []
        self.by_type: dict[str, int] = {}
        self.told: list[Decision] = []
        self._route = route
        self._stretch: Stretch = route.stretch
        self._partition = partition
        self._writes = writes
        self._keeps_states = keeps_states

    def take(self, position: int, now: datetime | None, decided: list[Decided]) -> None:  # noqa: ARG002 - a task's signature
        """Count and write what lies in the stretch."""
        for one in decided:
            if not self._stretch.covers(self._partition, position, one.now, one.order_id):
                continue
            self.by_type[one.type] = self.by_type.get(one.type, 0) + 1
            if self._writes:
                self.lines.append((one.now, public(one) + b"\n"))
            if self._stretch.orders and len(self.told) < _TOLD:
                self.told.append(_told(one))

    def keep(self) -> bytes:
        """Return the counts."""
        return msgspec.msgpack.encode((self.by_type, self.told))

    def recall(self, kept: bytes) -> None:
        """Take the counts up."""
        self.by_type, self.told = msgspec.msgpack.decode(kept, type=tuple[dict[str, int], list[Decision]])

    def finish(self, folding: Folding) -> Part:
        """Return the counts, and write the orders down where somebody asked for them."""
        self._run_on(folding)
        orders = folding.processor.orders
        if self._keeps_states and self._route.bookmark is not None:
            self._route.bookmark.put_states(_states(orders))
        chosen = sorted(order_id for order_id in self._stretch.orders if order_id in orders)[:_TOLD]
        return Part(self.by_type, self.told, [plain(orders[order_id]) for order_id in chosen])

    def _run_on(self, folding: Folding) -> None:
        """Let a source that was never journaled run on through silence, as a run does."""
        if not isinstance(folding, Retelling) or folding.now is None:
            return
        until = self._route.until if self._route.until is not None else folding.now + SILENCE
        nothing = Batch(self._partition, self._route.end_of(self._partition), b"")
        self.take(nothing.position, until, folding.run_on(until, nothing))


def rebuild(
    route: Route,
    extents: tuple[Extent, ...],
    *,
    jobs: int,
    report: Report,
    stop: Stop,
    writes: bool = False,
    keeps_states: bool = False,
) -> Rebuilt | None:
    """Fold a history and say what it leads to today; None when we were asked to stop before the end.

    With ``writes`` the decisions, and with ``keeps_states`` the orders, are in the route's bookmark afterwards.

    Raises:
        streams.problems.Problem: whatever keeps the history from being read.
    """

    def job(extent: Extent, tell: Report, ask: Stop) -> Arrived[Part]:
        task = RebuildTask(route, extent.partition, writes=writes, keeps_states=keeps_states)
        return travel(route, extent, task, tell, ask)

    arrived = fold_all(job, extents, jobs=jobs, report=report, stop=stop)
    parts = [one.result for one in arrived if one.result is not None]
    if len(parts) < len(arrived):
        return None
    by_type: dict[str, int] = {}
    for part in parts:
        for wire_type, number in part.by_type.items():
            by_type[wire_type] = by_type.get(wire_type, 0) + number
    told = sorted((one for part in parts for one in part.told), key=lambda one: one.at)
    return Rebuilt(
        history=route.history.name,
        policy=route.policy.version,
        decisions=sum(by_type.values()),
        by_type=dict(sorted(by_type.items())),
        told=tuple(told[:_TOLD]),
        states=tuple(state for part in parts for state in part.states),
        came=tuple(one.came for one in arrived),
    )


def public(one: Decided) -> bytes:
    """Return a decision or outcome as the CloudEvent that the public log has of it."""
    return encode_envelope(
        Event(
            id=one.id,
            source=PUBLIC,
            order_id=one.order_id,
            occurred_at=one.now,
            recorded_at=one.now,
            fact=one.fact,
        )
    )


def plain(value: Any) -> Any:
    """Return a state with the names of its fields: packed, it has places instead of names."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _states(orders: Mapping[str, Order]) -> Iterator[tuple[str, bytes]]:
    for order_id in sorted(orders):
        yield order_id, msgspec.json.encode(plain(orders[order_id])) + b"\n"


def _told(one: Decided) -> Decision:
    return Decision(
        order_id=one.order_id, at=one.now, id=one.id, type=one.type, by=rule_of(one.fact), says=say(one.fact)
    )
