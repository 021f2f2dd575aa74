"""A fast path is the slow path: what is skipped or kept up in passing is what a full look would find."""

from __future__ import annotations

import heapq
from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streams.core.step as step_module
import streams.pipeline.processor as processor_module
from streams.core import contents, evolve
from streams.core.detector import A_BOX, A_SCAN, ANYTHING
from streams.core.detectors.lost.detector import Lost
from streams.core.detectors.stalled_in_transit.detector import StalledInTransit
from streams.core.events import CheckpointReached, ShipmentCreated
from streams.core.evolve import evolved, shipments
from streams.core.evolve.arrival import arrive, read_signs
from streams.core.evolve.parcels import settle
from streams.policies.loader import load_policy
from tests import builders as b
from tests.strategies import LAW, History, histories, refuted

POLICY = load_policy()


def run(history, policy=POLICY, watch=None):
    """Let a history happen."""
    world = b.moody_world(history.whims)
    return b.live(history.events, policy, until=history.until, world=world, watch=watch)


# ---------------------------------------------------------------------------- small changes

ORDINARY = (
    *("in_transit",) * 5,
    "out_for_delivery",
    "out_for_delivery",
    "unknown",
    "pre_transit",
    "delivered",
)


@st.composite
def calm_histories(draw):
    """Orders on their ordinary way, in one box or two: the small changes that :func:`histories` seldom has."""

    def pick(options):
        return options[draw(st.integers(0, len(options) - 1))]

    events = []

    def write(fact, at):
        lag = timedelta(hours=pick((0, 0, 0, 0, 2, 30)))
        events.append(b.event(fact, at, identity=f"calm-{len(events)}", recorded_at=at + lag))

    promise, ship_by = pick(("2026-11-24", "2026-12-04", None)), pick(("2026-11-23", None))
    write(b.placed(promise=promise, ship_by=ship_by), b.FRIDAY)
    for box in range(pick((1, 1, 2))):
        names = {"shipment_id": f"BOX-{box}"}
        at = b.FRIDAY + timedelta(hours=pick((2, 30, 60)))
        write(b.planned(fulfillment_id=f"PLAN-{box}", **names), at)
        write(b.packed({pick(("MARKERS-BLUE",) * 6 + ("ODD-SOCK",)): 1}, **names), at + b.HOUR)
        names["tracking_number"] = f"T{box}"
        write(b.labelled(**names), at + 2 * b.HOUR)
        for _ in range(pick((3, 5, 8))):
            at += timedelta(hours=pick((3, 8, 15, 26, 50)))
            day = pick((None, None, None, "2026-11-25", "2026-11-25", "2026-12-01"))
            write(b.scanned(pick(ORDINARY), estimated_delivery=day, **names), at)
    events.sort(key=lambda one: one.recorded_at)
    return History(events=tuple(events), until=events[-1].recorded_at + 9 * b.DAY, whims=(0,))


def careful(order, event, policy, mark):
    """Evolve as ever, and say that anything may have changed."""
    after, _ = evolved(order, event, policy, mark)
    after.signs = read_signs(after)
    return after, ANYTHING


def check_small_changes(history):
    """Asked at every event, no detector says anything else: the same journal, decisions, states and alarms."""
    policy = msgspec.structs.replace(POLICY)  # with no memory of looks
    courses = []
    for evolving in (evolved, careful):
        alarms = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(step_module, "evolved", evolving)
            course = run(history, policy, lambda course, alarms=alarms: alarms.append(_alarms(course)))
        courses.append((b.encode_state(course.orders), course.decisions, alarms))

    assert courses[0] == courses[1]


def _alarms(course):
    """Return what was folded, when, and when everybody wants to be looked at again."""
    one = course.journal[-1]
    return one.order_id, one.recorded_at, [order.wake_at for order in course.orders.values()]


@LAW
@given(calm_histories() | histories())
def test_after_a_small_change_the_answers_stand(history):
    """A detector that says a scan or a box does not move it, is not moved by it."""
    check_small_changes(history)


@pytest.mark.parametrize("detector", [StalledInTransit, Lost])
def test_the_law_bites_on_a_detector_that_claims_too_much(monkeypatch, detector):
    """Who counts silence is moved by every scan."""
    monkeypatch.setattr(detector, "unmoved_by", A_SCAN | A_BOX)

    assert refuted(calm_histories(), check_small_changes)


@pytest.mark.parametrize(("handler", "fact"), [("scanned", CheckpointReached), ("created", ShipmentCreated)])
@pytest.mark.parametrize("change", [A_SCAN, A_BOX])
def test_the_law_bites_on_a_change_that_is_called_small(monkeypatch, handler, fact, change):
    """The first scan in a carrier's hands and a label are no small changes."""
    original = getattr(shipments, handler)

    def belittled(*args):
        original(*args)
        return change

    monkeypatch.setitem(evolve._CHANGES, fact, belittled)

    assert refuted(calm_histories(), check_small_changes)


def test_small_changes_are_what_most_events_are():
    """The law above would say nothing if its histories had none."""
    told = []

    def listening(*args):
        after, change = evolved(*args)
        told.append((change, after.case is None))
        return after, change

    @settings(LAW, max_examples=50)
    @given(calm_histories())
    def listen(history):
        run(history)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_module, "evolved", listening)
        listen()

    assert told.count((A_SCAN, True)) > 50
    assert told.count((A_BOX, True)) > 50


# ---------------------------------------------------------------------------- what is derived


def check_derived(history):
    """After every event, what is derived from an order's facts is what they say when all are read again."""

    def look(course):
        order = course.orders.get(course.journal[-1].order_id)
        if order is None:
            return
        again = order.__copy__()
        again.shipments = tuple(_settled(shipment) for shipment in order.shipments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contents, "_as_planned", lambda _order: False)
            arrive(again)
        again.signs = read_signs(again)

        assert again == order

    run(history, watch=look)


def _settled(shipment):
    again = shipment.__copy__()
    settle(again)
    return again


@LAW
@given(calm_histories() | histories())
def test_what_is_derived_is_up_to_date(history):
    """Parcels, contents, arrival and signs: also where an event could not change them, and nothing was done."""
    check_derived(history)


@pytest.mark.parametrize("skipped", ["derive_arrival", "arrive"])
def test_the_law_bites_on_a_scan_that_derives_nothing(monkeypatch, skipped):
    """A delivered parcel is an arrival; a new parcel may make another plan another box's."""
    monkeypatch.setattr(shipments, skipped, lambda _order: None)

    assert refuted(histories(), check_derived)


def test_the_law_bites_on_boxes_that_are_never_counted(monkeypatch):
    """Who takes every box for planned finds no wrong one."""
    true = contents._as_planned
    monkeypatch.setattr(contents, "_as_planned", lambda order: true(order) or bool(order.shipments))

    assert refuted(histories(), check_derived)


# ---------------------------------------------------------------------------- alarms


def check_alarm_clock(history):
    """After every event the next alarm is the earliest of all orders' alarms."""

    def look(course):
        alarms = [order.wake_at for order in course.orders.values() if order.wake_at is not None]

        assert course.processor.next_alarm() == min(alarms, default=None)

    run(history, watch=look)


@LAW
@given(calm_histories() | histories())
def test_the_next_alarm_is_the_earliest_of_all(history):
    """However often it was put off, and however seldom that was filed."""
    check_alarm_clock(history)


def test_the_law_bites_on_an_alarm_that_is_put_off_for_ever(monkeypatch):
    """An alarm that was put off must be filed anew when its old moment comes up."""
    forgetful = SimpleNamespace(
        heappush=heapq.heappush,
        heappop=heapq.heappop,
        heapify=heapq.heapify,
        heapreplace=lambda alarms, _later: heapq.heappop(alarms),
    )
    monkeypatch.setattr(processor_module, "heapq", forgetful)

    assert refuted(histories(), check_alarm_clock)
