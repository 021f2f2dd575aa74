"""Law 12: everything that came in is folded, a duplicate, parked or a dead letter; the counts add up."""

from __future__ import annotations

import json
import logging
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.events import CheckpointReached
from streams.pipeline.correlate import Correlator
from streams.pipeline.ports import Ignored, Incoming, Rejected
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from tests import builders as b
from tests.engine_rig import COMMITTED, TAKEN, Arrival, Rig, scratch
from tests.strategies import LAW, refuted

POLICY = load_policy()
NUMBERS = ("1Z-ONE", "1z one", "TWO", "THREE", "NEVER", "---")
GAPS = (0, 0, 1, 30, 24 * 60, 4 * 24 * 60)  # minutes: at once, and longer than anybody waits for a label


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Thousands of scans are parked and buried here; nobody wants to read it."""
    log = logging.getLogger("firstword")
    level = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(level)


@st.composite
def mixtures(draw):
    """Arrivals of every sort, and the places where the process dies."""
    at, arrivals = b.FRIDAY, []
    said: list[Incoming] = []
    for number in range(draw(st.integers(3, 25))):
        at += draw(st.sampled_from(GAPS)) * b.MINUTE
        sort = draw(
            st.sampled_from(("event", "label", "scan", "scan", "again", "many", "rejected", "ignored", "odd"))
        )
        facts = tuple(_facts(draw, sort, number, at, said))
        said += facts
        message = facts
        if sort == "rejected":
            message = Rejected(code="not-json", why="it is prose", hint="send JSON")
        elif not facts:
            message = Ignored(why="a ping")
        arrivals.append(Arrival(at=at, said=message))
    places = st.integers(0, len(arrivals) - 1)
    crashes = draw(st.dictionaries(places, st.sampled_from((TAKEN, COMMITTED)), max_size=4))
    return arrivals, crashes, at + draw(st.sampled_from((0, 10))) * b.DAY


def _facts(draw, sort, number, at, said):
    """Return what one record says."""
    order_id = draw(st.sampled_from(("A", "B")))
    tracking = draw(st.sampled_from(NUMBERS))
    label = b.labelled(order_id=order_id, shipment_id=f"{order_id}-1", tracking_number=tracking)
    scan = CheckpointReached(
        tracking_number=tracking, status=draw(st.sampled_from(("in_transit", "delivered")))
    )
    match sort:
        case "event":
            return [_said(f"e{number}", b.placed(order_id), at)]
        case "label" if tracking != "NEVER":
            return [_said(f"l{number}", label, at)]
        case "scan":
            return [_said(f"s{number}", scan, at)]
        case "many":
            return [_said(f"m{number}-{n}", scan, at) for n in range(3)]
        case "again" if said:
            return [said[draw(st.integers(0, len(said) - 1))]]
        case "odd" if said:
            # The same identity with another content, and an order that nobody may have.
            again = said[draw(st.integers(0, len(said) - 1))]
            return [_said(again.id, scan, at), _said(f"o{number}", b.placed("*"), at)]
        case _:
            return []


def _said(identity, fact, at):
    return Incoming(id=identity, source="shop/eu", occurred_at=at, order_id=fact.order_id, fact=fact)


def check_counts(example):
    """The engine's own counts add up, agree with what was sent, and with what stands in the file."""
    arrivals, crashes, until = example
    sent = [one.said for one in arrivals]
    facts = [incoming for said in sent if isinstance(said, tuple) for incoming in said]
    rejected = sum(isinstance(said, Rejected) for said in sent)
    with scratch() as folder:
        rig = Rig(Path(folder), POLICY, b.silent_world, crashes=crashes)
        rig.run(arrivals, until)
        here = _count(rig)
        rig.restart()
        again = _count(rig)
        written = [one.id for _, block in rig.journal.blocks() for one in block if one.source == "shop/eu"]
        dead = [_buried(letter) for letter in rig.journal.dead_letters()]
        waiting = [one.incoming.id for parked in rig.engine.correlator.parked.values() for one in parked]
        counters = dict(rig.engine.counters)
        rig.close()

    assert here == again
    assert counters["in"] == len(facts) + rejected
    assert counters["in"] == here["folded"] + here["duplicates"] + here["parked"] + here["dead_letters"]
    assert len(written) <= here["folded"] + here["duplicates"]
    assert len(set(written)) <= here["folded"]
    assert len(dead) == here["dead_letters"]
    assert dead.count("?") == rejected
    assert {*written, *dead, *waiting} - {"?"} == {one.id for one in facts}
    # Whatever was sent more often than it is found was a second copy.
    found = Counter([*written, *dead, *waiting])
    sent_ids = Counter([*(one.id for one in facts), *(["?"] * rejected)])
    assert all(found[identity] <= sent_ids[identity] for identity in found)


def _count(rig):
    counters = rig.engine.counters
    parked = sum(len(waiting) for waiting in rig.engine.correlator.parked.values())
    return {**{name: counters[name] for name in ("folded", "duplicates", "dead_letters")}, "parked": parked}


def _buried(letter):
    try:
        return json.loads(letter.raw)["id"]
    except ValueError:
        return "?"


@LAW
@given(mixtures())
def test_everything_that_came_in_is_accounted_for(example):
    """In = folded + duplicates + parked + dead letters, whatever came and however often the process died."""
    check_counts(example)


def test_the_law_bites_on_a_correlator_that_loses_a_scan(monkeypatch):
    """A scan that nobody claims and nobody buries is missed."""
    original = Correlator.claim
    monkeypatch.setattr(Correlator, "claim", lambda self, key: original(self, key)[1:])

    assert refuted(mixtures(), check_counts)


def test_the_law_bites_on_an_expiry_that_is_not_written(monkeypatch):
    """Patience that ends in silence is missed, too."""
    original = Correlator.expire

    def forgetful(self, now):
        original(self, now)
        return []

    monkeypatch.setattr(Correlator, "expire", forgetful)

    assert refuted(mixtures(), check_counts)


def test_the_law_bites_on_a_processor_that_does_not_know_duplicates(monkeypatch):
    """A second copy that is counted as folded is counted twice by nobody else."""

    def blind(self, event):
        before = self.duplicates
        decided = original(self, event)
        self.folded += self.duplicates - before
        self.duplicates = before
        return decided

    original = Processor.fold
    monkeypatch.setattr(Processor, "fold", blind)

    assert refuted(mixtures(), check_duplicates)


def check_duplicates(example):
    """Nothing is folded twice: there are as many foldings as identities per order."""
    arrivals, _, until = example
    with scratch() as folder:
        rig = Rig(Path(folder), POLICY, b.silent_world)
        rig.run(arrivals, until)
        written = [
            (one.order_id, one.id)
            for _, block in rig.journal.blocks()
            for one in block
            if one.source == "shop/eu"
        ]
        folded = rig.engine.counters["folded"]
        rig.close()

    assert folded == len(set(written))


@LAW
@given(mixtures())
def test_nothing_is_folded_twice(example):
    """An event counts as folded once per order, however often it came."""
    check_duplicates(example)
