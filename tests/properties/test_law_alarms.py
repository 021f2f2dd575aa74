"""Law 7: an alarm is never in the past, and waking early is harmless."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streams.core.step as step_module
import streams.pipeline.processor as processor_module
from streams.core.draft import Draft
from streams.core.respond import respond
from streams.core.step import step
from streams.policies.loader import load_policy
from tests import builders as b
from tests.strategies import LAW, histories, refuted

POLICY = load_policy(overrides={"budgets.day": {"USD": 5000}})  # everything is asked across orders


def run(history, events=None):
    """Let a history happen, or the same with more looks in between."""
    return b.live(events or history.events, POLICY, until=history.until, world=b.moody_world(history.whims))


def check_alarms(history):
    """Every alarm, of a step and of each detector, lies behind the moment of the step."""

    def checked(order, event, now, policy):
        done = step(order, event, now, policy)
        if not done.duplicate:
            assert done.wake_at is None or done.wake_at > now
            assert done.order.wake_at == done.wake_at
            # One detector's alarm in the past would hide a later one of its own.
            looks = (detector.detect(done.order, now, policy)[1] for detector in policy.detectors)
            assert all(at is None or at > now for at in looks)
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processor_module, "step", checked)
        run(history)


@LAW
@given(histories())
def test_an_alarm_is_never_in_the_past(history):
    """A processor that fires every due alarm comes to an end."""
    check_alarms(history)


def test_the_law_bites_on_a_draft_that_takes_any_alarm(monkeypatch):
    """A moment that is over is no alarm."""

    def careless(self, at):
        if at is not None and (self.wake_at is None or at < self.wake_at):
            self.wake_at = at

    monkeypatch.setattr(Draft, "wake", careless)
    from streams.core import notify as notify_module

    original = notify_module.hold
    monkeypatch.setattr(notify_module, "hold", lambda d, m, t, r, u: original(d, m, t, r, u and d.now))

    assert refuted(histories(), check_alarms)


def check_second_look(history):
    """An order that was looked at a moment ago has nothing more to say."""

    def look(course):
        one, now = course.journal[-1], course.processor.now
        for order_id in {d.order_id for d in course.latest} | {one.order_id}:
            order = course.orders.get(order_id)
            if order is not None and one.order_id in {order_id, "*"}:
                again = step(order, b.silence(now, order_id), now, POLICY)
                assert again.decisions == ()
                # The alarm may be later now: the first look rang for something that is told since.
                assert msgspec.structs.replace(again.order, wake_at=order.wake_at) == order

    b.live(history.events, POLICY, until=history.until, world=b.moody_world(history.whims), watch=look)


@LAW
@given(histories())
def test_a_second_look_sees_nothing_new(history):
    """One step is enough: what a step decides never makes the same step decide more."""
    check_second_look(history)


def test_the_law_bites_on_a_step_that_tells_before_it_answers(monkeypatch):
    """Remedies that come behind the mail leave something to say at the next look."""
    original = step_module.notify
    monkeypatch.setattr(step_module, "respond", lambda _draft: None)
    monkeypatch.setattr(step_module, "notify", lambda draft: (original(draft), respond(draft)))

    assert refuted(histories(), check_second_look)


@st.composite
def restless(draw):
    """A history, and looks at its orders that nobody asked for."""
    history = draw(histories(duplicates=False))
    orders = sorted({one.order_id for one in history.events})
    start = history.events[0].recorded_at
    minutes = int((history.until - start) / timedelta(minutes=1))
    looks = draw(
        st.lists(st.tuples(st.sampled_from(orders), st.integers(0, minutes)), min_size=1, max_size=12)
    )
    return history, [(order_id, start + timedelta(minutes=m)) for order_id, m in looks]


def check_early_looks(example):
    """Looking at an order in between changes neither what is decided nor when."""
    history, looks = example
    placed = {one.order_id: one.recorded_at for one in reversed(history.events)}
    extra = [b.silence(at, order_id) for order_id, at in looks if at >= placed[order_id]]
    events = sorted((*history.events, *extra), key=lambda one: one.recorded_at)
    calm, woken = run(history), run(history, events)

    assert _story(woken) == _story(calm)
    assert b.encode_state(woken.orders) == b.encode_state(calm.orders)


def _story(course):
    return [(at, msgspec.json.encode(decision)) for at, decision in course.decisions]


@LAW
@given(restless())
def test_waking_early_is_harmless(example):
    """Ticks may come as often as they like: the same is decided, at the same moments."""
    check_early_looks(example)


def test_the_law_bites_on_a_core_that_counts_its_looks(monkeypatch):
    """Patience that depends on the number of looks is not patience."""
    original = step_module.reconcile

    def impatient(draft, findings):
        if draft.event.id.startswith("evt-"):
            findings = findings[1:]
        original(draft, findings)

    monkeypatch.setattr(step_module, "reconcile", impatient)

    assert refuted(restless(), check_early_looks)
