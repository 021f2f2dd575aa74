"""Laws 4 and 5: what is open is what is true, nothing is said about what has arrived, and never twice in a window."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given

import streams.core.step as step_module
from streams.core.detector import ANY
from streams.core.detectors.late_delivery.detector import LateDelivery
from streams.core.events import ExceptionCleared, ExceptionOpened, MessageQueued, MessageWithdrawn
from streams.core.finding import Finding
from streams.core.notify import notify
from streams.policies.loader import load_policy
from tests import builders as b
from tests.strategies import LAW, histories, refuted

POLICY = load_policy()
SAID_BY_CUSTOMER = ("lost", "order")  # the carrier says delivered, the customer says no
OUR_OWN_WORD = ("late_delivery", "replacement")  # the order arrived; the replacement that we promised did not


def run(history, policy=POLICY, watch=None, until=None):
    """Let a history happen, with somebody looking over its shoulder."""
    return b.live(
        history.events, policy, until=until or history.until, world=b.moody_world(history.whims), watch=watch
    )


# ---------------------------------------------------------------------------- law 4


def check_open_is_true(history, policy=POLICY):
    """After every event, and at any moment before the next alarm, what is open is what the detectors find."""

    def look(course):
        one = course.journal[-1]
        now = course.processor.now
        for order_id in course.orders if one.order_id == "*" else [one.order_id]:
            order = course.orders[order_id]
            assert b.open_exceptions(order) == b.findings(order, now, policy)
            if order.wake_at is not None:
                assert order.wake_at > now
                last = order.wake_at - timedelta(microseconds=1)
                assert b.findings(order, last, policy) == b.open_exceptions(order)

    course = run(history, policy, watch=look)
    far = history.until + timedelta(days=400)
    for order in course.orders.values():
        if order.wake_at is None:
            assert b.findings(order, far, policy) == b.open_exceptions(order)
    check_books(course)


def check_books(course):
    """The decisions tell the same story as the state: opened once, cleared at most once."""
    decided = [decision for _, decision in course.decisions]
    opened = [d.exception_id for d in decided if isinstance(d, ExceptionOpened)]
    cleared = [d.exception_id for d in decided if isinstance(d, ExceptionCleared)]
    still = [
        t.exception_id
        for order in course.orders.values()
        for t in (order.case.troubles if order.case else ())
        if t.cleared_at is None
    ]

    assert len(set(opened)) == len(opened)
    assert sorted(cleared + still) == sorted(opened)


@LAW
@given(histories())
def test_what_is_open_is_what_is_true(history):
    """An exception is opened once, and cleared as soon as its detector no longer finds it; no alarm is missed."""
    check_open_is_true(history)


def test_the_law_bites_on_a_step_that_never_clears(monkeypatch):
    """Open exceptions that nobody finds any more are seen."""
    original = step_module.reconcile

    def one_way(draft, findings):
        known = {(f.kind, f.subject) for f in findings}
        original(draft, [*findings, *[_as_finding(t) for t in draft.case.troubles if _lacking(t, known)]])

    monkeypatch.setattr(step_module, "reconcile", one_way)

    assert refuted(histories(), check_open_is_true)


def _lacking(trouble, known):
    return trouble.cleared_at is None and (trouble.kind, trouble.subject) not in known


def _as_finding(trouble):
    return Finding(kind=trouble.kind, subject=trouble.subject, since=trouble.since, severity=trouble.severity)


def test_the_law_bites_on_a_detector_that_forgets_to_look_again():
    """A promise whose end rings no bell is broken in silence."""

    class Deaf(LateDelivery, frozen=True, kw_only=True):
        def detect(self, order, now, policy):
            found, _ = super().detect(order, now, policy)
            return found, None

    deaf = tuple(Deaf() if d.kind == "late_delivery" else d for d in POLICY.detectors)
    policy = msgspec.structs.replace(POLICY, detectors=deaf)

    assert refuted(histories(), lambda history: check_open_is_true(history, policy))


def check_nothing_said_after_arrival(history, policy=POLICY):
    """A mail about lateness or loss is never queued for an order that has arrived, nor one about nothing."""

    def look(course):
        for decision in course.latest:
            if isinstance(decision, MessageQueued) and decision.exception_ids:
                judge(course.orders[decision.order_id], decision)

    def judge(order, message):
        told = [t for t in order.case.troubles if t.exception_id in message.exception_ids]
        still = [t for t in told if t.cleared_at is None]
        assert still == told
        if order.arrived_at is not None:
            after = {(t.kind, t.subject) for t in still if policy.cured_by_arrival(t.kind)}
            assert after <= {SAID_BY_CUSTOMER, OUR_OWN_WORD}

    run(history, policy=policy, watch=look)


@LAW
@given(histories())
def test_nothing_is_said_about_a_parcel_after_it_arrived(history):
    """No mail about a delay or a loss is queued once everything is there, and none about what is cleared."""
    check_nothing_said_after_arrival(history)


def test_the_law_bites_on_a_detector_that_ignores_arrival():
    """A late order stays late for it, though the parcel is there."""

    class Stubborn(LateDelivery, frozen=True, kw_only=True):
        signs = ANY

        def detect(self, order, now, policy):
            blind = msgspec.structs.replace(order, arrived_at=None, awaits_pickup=False, shipments=())
            return super().detect(blind, now, policy)

    stubborn = tuple(Stubborn() if d.kind == "late_delivery" else d for d in POLICY.detectors)
    policy = msgspec.structs.replace(POLICY, detectors=stubborn)

    assert refuted(
        histories(), lambda history: check_nothing_said_after_arrival(history, policy), examples=2000
    )


# ---------------------------------------------------------------------------- law 5


def check_window(history):
    """Between two mails of one order lies the window, unless the first was taken back."""
    course = run(history)
    back = {d.message_id: at for at, d in course.decisions if isinstance(d, MessageWithdrawn) and d.queued}
    last: dict[str, tuple] = {}
    for at, message in course.decisions:
        if isinstance(message, MessageQueued):
            before = last.get(message.order_id)
            if before is not None and back.get(before[1], at + timedelta(1)) > at:
                assert at - before[0] >= POLICY.notify.window
            last[message.order_id] = (at, message.message_id)


@LAW
@given(histories())
def test_one_mail_per_order_and_window(history):
    """An update supersedes, it does not stack."""
    check_window(history)


def test_the_law_bites_on_a_notify_without_a_window(monkeypatch):
    """Mails that follow each other by minutes are counted."""

    def eager(draft):
        policy = draft.policy
        at_once = msgspec.structs.replace(policy.notify, window=timedelta(0))
        draft.policy = msgspec.structs.replace(policy, notify=at_once)
        notify(draft)
        draft.policy = policy

    monkeypatch.setattr(step_module, "notify", eager)

    assert refuted(histories(), check_window)
