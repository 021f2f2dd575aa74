"""Law 8: a snapshot and the tail behind it are the whole history; a process may die anywhere."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.order import Order
from streams.embedded.journal import Journal, _decode_order, _encode
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from tests import builders as b
from tests.engine_rig import COMMITTED, PERFORMED, TAKEN, Arrival, Rig, arrival, scratch
from tests.strategies import LAW, histories, refuted

POLICY = load_policy(overrides={"budgets.day": {"USD": 5000}})  # everything is asked across orders


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Thousands of scans are parked and buried here; nobody wants to read it."""
    log = logging.getLogger("firstword")
    level = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(level)


def run(history):
    """Let a history happen."""
    return b.live(history.events, POLICY, until=history.until, world=b.moody_world(history.whims))


# ---------------------------------------------------------------------------- the pure processor


def snapshot(processor):
    """Return a processor that knows what a snapshot knows: the orders as bytes, and how far time has come."""
    bodies = {order_id: _encode(order) for order_id, order in processor.orders.items()}
    again = Processor(processor.policy, {order_id: _decode_order(body) for order_id, body in bodies.items()})
    again.now = processor.now
    return again


@st.composite
def interrupted(draw):
    """A history, and how far through its journal (in thousandths) the process starts again."""
    return draw(histories()), draw(st.lists(st.integers(0, 1000), min_size=1, max_size=4))


def check_snapshot_and_tail(example):
    """From any point of the journal, the snapshot goes on as the process itself would have."""
    history, cuts = example
    whole = run(history)
    places = {cut * len(whole.journal) // 1001 for cut in cuts}
    processor, decided = Processor(POLICY), []
    for number, one in enumerate(whole.journal):
        if number in places:
            assert b.encode_state(snapshot(processor).orders) == b.encode_state(processor.orders)
            processor = snapshot(processor)
        decided.extend(processor.fold(one))

    assert decided == [decision for _, decision in whole.decisions]
    assert b.encode_state(processor.orders) == b.encode_state(whole.orders)
    assert processor.next_alarm() == whole.processor.next_alarm()


@LAW
@given(interrupted())
def test_a_snapshot_and_its_tail_are_the_whole_fold(example):
    """Throw every snapshot away, or use it: the decisions are the same."""
    check_snapshot_and_tail(example)


@LAW
@given(histories())
def test_an_order_survives_its_bytes(history):
    """Every state that a history reaches is read back as it was written."""

    def look(course):
        order = course.orders.get(course.journal[-1].order_id)
        if order is not None:
            assert _decode_order(_encode(order)) == order

    b.live(history.events, POLICY, until=history.until, world=b.moody_world(history.whims), watch=look)


def test_the_law_bites_on_a_snapshot_without_alarms(monkeypatch):
    """An order that forgets when it wanted to be woken sleeps on."""

    def drowsy(order):
        return msgspec.msgpack.encode(msgspec.structs.replace(order, wake_at=None))

    monkeypatch.setitem(globals(), "_encode", drowsy)

    assert refuted(interrupted(), check_snapshot_and_tail)


# ---------------------------------------------------------------------------- the engine


@st.composite
def mortal_runs(draw):
    """Arrivals, some of them scans that name only a tracking number, and where the process dies on the way."""
    history = draw(histories())
    anonymous = draw(st.sampled_from((0, 0, 1, 2)))
    arrivals = [_unnamed(arrival(one), n, anonymous) for n, one in enumerate(history.events)]
    places = st.integers(0, len(arrivals) - 1)
    crashes = draw(
        st.dictionaries(places, st.sampled_from((TAKEN, COMMITTED, PERFORMED)), min_size=1, max_size=4)
    )
    snapshots = draw(st.frozensets(places, max_size=3))
    return history, arrivals, crashes, snapshots


def _unnamed(one: Arrival, number: int, every: int) -> Arrival:
    """Return a scan as carriers send it, without an order, for one in ``every``."""
    (said,) = one.said
    if not every or number % every or said.fact.TYPE != "checkpoint.reached.v1":
        return one
    fact = msgspec.structs.replace(said.fact, order_id=None, shipment_id=None)
    return Arrival(at=one.at, said=(msgspec.structs.replace(said, order_id=None, fact=fact),))


def check_deaths(example):
    """A run that dies and starts again ends in the same state, the same decisions and the same counts."""
    history, arrivals, crashes, snapshots = example
    ends = []
    for dies, keeps in (({}, frozenset()), (crashes, snapshots)):
        with scratch() as folder:
            world = b.moody_world(history.whims)
            rig = Rig(Path(folder), POLICY, world, crashes=dies, snapshots=keeps)
            rig.run(arrivals, history.until)
            engine = rig.engine
            waiting = sorted(
                one.incoming.id for parked in engine.correlator.parked.values() for one in parked
            )
            dead = sorted(letter.id for letter in rig.journal.dead_letters())
            ends.append((b.state_hash(engine.processor.orders), rig.table(), engine.counters, waiting, dead))
            rig.close()

    assert ends[0] == ends[1]


@LAW
@given(mortal_runs())
def test_an_engine_may_die_anywhere(example):
    """Before writing, after writing, after acting: what counts is in the file."""
    check_deaths(example)


def test_the_law_bites_on_a_journal_that_loses_what_is_pending(monkeypatch):
    """Decisions that nobody makes true after a restart are missed."""
    monkeypatch.setattr(Journal, "pending", lambda _self: [])

    assert refuted(mortal_runs(), check_deaths)


def test_the_law_bites_on_a_snapshot_that_claims_too_much(monkeypatch):
    """A snapshot that stands for a later position than its orders skips the tail."""
    original = Journal.load_snapshot

    def eager(self, shape):
        orders, position, now = original(self, shape)
        return orders, position + 1 if position else 0, now

    monkeypatch.setattr(Journal, "load_snapshot", eager)

    assert refuted(mortal_runs(), check_deaths)


def test_a_snapshot_of_another_shape_is_thrown_away(tmp_path):
    """State written by other code is not read: the journal is folded again, and nothing is lost."""
    journal = Journal(tmp_path / "journal.sqlite")
    journal.snapshot([Order(order_id=b.ORDER)], 7, b.FRIDAY, "old shape")
    found = journal.load_snapshot("new shape")
    again = journal.load_snapshot("old shape")
    journal.close()

    assert found == again == ({}, 0, None)
