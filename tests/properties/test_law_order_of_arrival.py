"""Law 3: within the allowed lateness, the order in which we hear of things does not matter."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from streams.core import evolve
from streams.core.evolve.arrival import derive_arrival
from streams.core.evolve.parcels import own, settle
from streams.core.order import Checkpoint
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from tests import builders as b
from tests.strategies import LAW, histories, refuted

POLICY = load_policy()
LATENESS = 6 * b.HOUR


@st.composite
def shuffled(draw):
    """A history, and the same in another order: who arrives within a few hours may change places."""
    history = draw(histories(duplicates=False))
    first = history.events[0].recorded_at
    groups: dict[int, list] = {}
    for one in history.events:
        groups.setdefault((one.recorded_at - first) // LATENESS, []).append(one)
    events = []
    for group in groups.values():
        order = [group[n] for n in draw(st.permutations(range(len(group))))]
        times = [one.recorded_at for one in group]
        events += [msgspec.structs.replace(one, recorded_at=at) for one, at in zip(order, times, strict=True)]
    return history, msgspec.structs.replace(history, events=tuple(events))


def check_arrival_order(example):
    """Nobody answers in this world: what is open follows from what was heard, and from nothing else."""
    history, other = example
    straight = b.live(history.events, POLICY, until=history.until)
    mixed = b.live(other.events, POLICY, until=history.until)

    assert _open(mixed) == _open(straight)


def _open(course):
    return {order_id: b.open_exceptions(order) for order_id, order in course.orders.items()}


@LAW
@given(shuffled())
def test_the_order_of_arrival_does_not_matter(example):
    """Orders and shipments come on topics that know nothing of each other, and end in the same exceptions."""
    check_arrival_order(example)


def check_last_hours(example):
    """With a world that answers: disorder within the last hours ends those hours in the same exceptions."""
    history, _ = example
    last = history.events[-1].recorded_at
    calm = [one for one in history.events if one.recorded_at < last - LATENESS]
    rush = [one for one in history.events if one.recorded_at >= last - LATENESS]
    ends = []
    for burst in (rush, rush[::-1]):
        course = b.Course(Processor(POLICY))
        world = b.moody_world(history.whims)
        b.live(calm, POLICY, until=last - LATENESS, world=world, course=course)
        b.live(
            [msgspec.structs.replace(one, recorded_at=last) for one in burst],
            POLICY,
            until=last,
            world=b.silent_world,
            course=course,
        )
        ends.append(_open(course))

    assert ends[0] == ends[1]


@LAW
@given(shuffled())
def test_the_order_of_the_last_hours_does_not_matter(example):
    """What happened before, and what was said about it, is the same for both."""
    check_last_hours(example)


def test_the_law_bites_on_scans_kept_as_they_came(monkeypatch):
    """An evolve that appends every scan believes the last one to arrive, not the last one to happen."""

    def unsorted_scans(order, event, fact, policy):
        shipment, _ = own(order, fact.shipment_id, fact.tracking_number)
        scan = Checkpoint(event.occurred_at, fact.status, event.id, fact.reason, fact.responsible)
        shipment.checkpoints = (*shipment.checkpoints, scan)
        settle(shipment)
        derive_arrival(order)

    monkeypatch.setitem(evolve._CHANGES, b.scanned("delivered").__class__, unsorted_scans)

    assert refuted(shuffled(), check_arrival_order)
    assert refuted(shuffled(), check_last_hours)
