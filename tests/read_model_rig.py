"""A shop's week in which much goes wrong, in a journal file, and what the fold itself knows about it at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import msgspec

from streams import sources, wiring
from streams.core.order import Order, Trouble
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.follow import Caught, catch_up
from streams.ops.read_model.shapes import Page
from streams.pipeline.correlate import Parked
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.ports import Record, Rejected
from streams.settings import load
from streams.simulate.plan import Plan, Rates
from streams.simulate.shop import simulate
from tests.builders import moody_world
from tests.command_line import ndjson, scan
from tests.engine_rig import Arrival, Rig

_Row = TypeVar("_Row")
# A third of the orders go wrong, and every mood of relay, carrier and colleagues comes up.
PLAN = Plan(
    orders=240,
    days=7,
    seed=23,
    faults=Rates(**dict.fromkeys(Rates.__struct_fields__, 0.03)),
)
UNTIL = datetime(2026, 11, 27, 15, 5, tzinfo=UTC)  # some parcels have come, many have not


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """The journal, and the state of the run that wrote it."""

    journal: Path
    orders: dict[str, Order]
    dead: tuple[DeadLetter, ...]
    parked: tuple[Parked, ...]
    events: int
    now: datetime | None

    def open_troubles(self) -> list[tuple[str, Trouble]]:
        """What is wrong now, with the case that it belongs to."""
        return [
            (order.case_id, trouble)
            for order in self.orders.values()
            if order.case is not None
            for trouble in order.case.troubles
            if trouble.cleared_at is None
        ]

    def standing(self) -> dict[str, str]:
        """How every mail stands by the fold's own word."""
        found: dict[str, str] = {}
        for order in self.orders.values():
            if order.case is not None:
                found |= {sent.message_id: sent.status for sent in order.case.messages}
                if order.case.held is not None:
                    found[order.case.held.message_id] = "held"
        return found


@cache
def week(folder: Path) -> Week:
    """Live the week once."""
    policy = wiring.policy_of(load({}, data=folder))
    rig = Rig(folder, policy, moody_world(tuple(range(56))))
    rig.run(list(_arrivals()), UNTIL)
    lived = Week(
        journal=rig.path,
        orders=dict(rig.engine.processor.orders),
        dead=tuple(rig.journal.dead_letters()),
        parked=tuple(rig.journal.parked()),
        events=rig.engine.counters["in"],
        now=rig.engine.now,
    )
    rig.close()
    return lived


def _arrivals() -> Iterator[Arrival]:
    native = sources.discover()["native"]
    for position, one in enumerate(simulate(PLAN)):
        if one.arrives_at > UNTIL:
            break
        record = Record(source="native", place=f"shop:{position}", position=position, raw=one.line)
        yield Arrival(at=one.arrives_at, said=native.translate(record))
        if position == 40:
            reason = Rejected(code="not-json", why="the text ends in the middle", hint="send it again")
            yield Arrival(at=one.arrives_at, said=reason)
    for number in range(3):
        line = ndjson([scan(f"STRANGER-{number}")]).encode()
        record = Record(source="native", place=f"carrier:{number}", position=number, raw=line)
        yield Arrival(at=UNTIL, said=native.translate(record))


def fill(journal: Path, place: str) -> Caught:
    """Bring the tables up to date with a journal file."""
    feed = JournalFeed(journal)
    try:
        return catch_up(place, feed)
    finally:
        feed.close()


def rows(ask: Callable[[int], Page[_Row]]) -> list[_Row]:
    """All rows of a list, page by page."""
    found: list[_Row] = []
    number = 0
    while True:
        page = ask(number)
        found += page.rows
        number += 1
        if not page.more:
            return found
