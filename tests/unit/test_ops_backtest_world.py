"""The clock and the world of a backtest: what an order comes to depends on its own events and the policy alone."""

import os
import signal
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given

from streams.ops.backtest import imagined
from streams.ops.backtest.imagined import event_of
from streams.ops.backtest.spread import spread
from streams.ops.backtest.survey import outside, roots, survey
from streams.ops.backtest.world import World
from streams.pipeline.processor import tick
from streams.pipeline.story import tell
from streams.problems import InputProblem, WorldProblem
from tests import builders as b
from tests.backtest_rig import STANDARD, Written, dealt, judged, policy, written
from tests.strategies import LAW, histories, refuted

HASTY = policy(respond__late_delivery__tell_after="1h", detect__stalled_in_transit__domestic_workdays="1")


def still(_count):
    """Show nothing."""


def decided(history, chosen, until):
    """What a world decides over a history, as (moment, id)."""
    heard = []
    world = World(chosen, lambda decision, now, _orders: heard.append((now, decision.decision_id)))
    for extent in history.extents():
        for entry in outside(history, extent.partition, still):
            world.take(event_of(entry, addressed=False))
    world.run_on(until)
    assert world.failed == 0
    return heard


# ---------------------------------------------------------------------------- nothing of then is left


def check_recorded_outcomes_leave_no_trace(history):
    """A journal written under one policy, with its ticks and a moody world's answers, tells another policy nothing of them."""
    course = b.live(history.events, STANDARD, until=history.until, world=b.moody_world(history.whims))
    told = tell(history.events, HASTY, until=history.until)

    assert [(one.now, one.decision.decision_id) for one in told] == decided(
        Written({0: course.journal}), HASTY, history.until
    )


@LAW
@given(histories())
def test_recorded_ticks_and_outcomes_leave_no_trace(history):
    """Under the other policy it is as if that one had run from the beginning."""
    check_recorded_outcomes_leave_no_trace(history)


def test_the_law_of_no_trace_bites_when_recorded_outcomes_are_believed(monkeypatch):
    """A world that hears the answers of then decides by them."""
    monkeypatch.setattr(imagined, "_OURS", frozenset())

    assert refuted(histories(), check_recorded_outcomes_leave_no_trace)


# ---------------------------------------------------------------------------- shares of the orders


def check_partitions_do_not_matter(history):
    """One partition, two or three: every figure is the same, to the byte, replacements included."""
    events = [
        msgspec.structs.replace(one, recorded_at=one.recorded_at + timedelta(microseconds=place))
        for place, one in enumerate(history.events)  # at one moment, partitions have no order
    ]
    found = [
        msgspec.json.encode(judged(dealt(events, count), STANDARD, HASTY, until=history.until))
        for count in (1, 2, 3)
    ]

    assert found[0] == found[1] == found[2]


@LAW
@given(histories())
def test_in_how_many_partitions_a_history_lies_does_not_matter(history):
    """A replacement in another partition finds the order that it makes good."""
    check_partitions_do_not_matter(history)


def test_the_law_of_partitions_bites_when_replacements_stay_where_they_are(monkeypatch):
    """Without its guests an order never hears that its replacement has come."""
    monkeypatch.setattr("streams.ops.backtest.trial._rehoused", lambda _found, _family: {})

    assert refuted(histories(), check_partitions_do_not_matter)


def test_chains_of_replacements_belong_to_the_first_order():
    """A replacement of a replacement goes where the first order is; a circle, which is nonsense, has one end too."""
    found = roots({"C": "B", "B": "A", "X": "Y", "Y": "X", "Z": "X", "SELF": "SELF"})

    assert found == {"C": "A", "B": "A", "X": "X", "Y": "X", "Z": "X", "SELF": "SELF"}


def test_a_survey_sees_what_came_from_outside():
    """Ticks and outcomes are neither events nor the end of the history."""
    placed = b.event(b.placed(replaces="FIRST"), b.FRIDAY)
    found = survey(written(placed, tick(b.FRIDAY + b.DAY)), 0, still)

    assert (
        found.events,
        found.orders,
        found.first,
        found.last,
        found.has_addresses,
    ) == (1, 1, b.FRIDAY, b.FRIDAY, True)
    assert found.replaces == {b.ORDER: "FIRST"}


# ---------------------------------------------------------------------------- a policy that fails


def test_an_order_on_which_the_program_fails_stops_no_other():
    """A detector that raises for one order: counted, and the other order is told."""

    class Broken:
        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def detect(self, order, now, chosen):
            if order.order_id == "ODD":
                raise ZeroDivisionError
            return self.real.detect(order, now, chosen)

    detectors = tuple(Broken(one) if one.kind == "late_delivery" else one for one in STANDARD.detectors)
    broken = msgspec.structs.replace(STANDARD, detectors=detectors)
    events = [b.event(b.placed(name), identity=name) for name in ("ODD", "EVEN")]
    later = b.event(b.placed("LATER", promise=None), b.FRIDAY + 9 * b.DAY)
    found = judged(written(*events, later), broken).policies[0]

    assert found.failed > 0
    assert (found.told.orders, found.late.orders) == (1, 1)


# ---------------------------------------------------------------------------- processes


def test_results_come_in_the_order_of_the_tasks():
    """Whoever is done first; and every process says how far it is."""
    moved = []

    def work(task, say):
        say(task)
        return task * task, os.getpid()

    done = spread([3, 1, 2], work, jobs=2, moved=moved.append)

    assert [result for result, _ in done] == [9, 1, 4]
    assert len({process for _, process in done} - {os.getpid()}) == 3
    assert sum(moved) == 6


def test_a_problem_in_a_process_is_the_same_problem_here():
    """Code, place and hint survive the way."""

    def work(task, _say):
        if task:
            raise InputProblem("block-corrupt", "no block", where="somewhere", hint="look")

    with pytest.raises(InputProblem) as raised:
        spread([0, 1], work, jobs=2, moved=still)

    assert (
        raised.value.code,
        raised.value.where,
        raised.value.hint,
    ) == ("block-corrupt", "somewhere", "look")


def test_a_process_that_is_killed_is_noticed():
    """Half of a measurement is none."""

    def work(task, _say):
        if task:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WorldProblem) as raised:
        spread([0, 1], work, jobs=2, moved=still)

    assert raised.value.code == "process-died"
    assert "-9" in raised.value.why


def test_a_mistake_of_ours_in_a_process_is_not_lost():
    """Its traceback comes along."""

    def work(task, _say):
        return 1 // task

    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        spread([1, 0], work, jobs=2, moved=still)
