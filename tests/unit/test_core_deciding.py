"""Reconcile, respond and notify: the difference is said, answered, and told once at the right moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.core import events as facts
from streams.core.notify.moment import quiet_until
from streams.core.order import new_order
from streams.core.step import step
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
NOON = b.FRIDAY + 2 * b.HOUR
SWAP = {"MARKERS-RED": 1}


def decided(course, kind):
    """Return the decisions of one class, with their moments."""
    return [(at, decision) for at, decision in course.decisions if isinstance(decision, kind)]


def tell(*events, days=2, policy=POLICY, world=b.silent_world):
    """Let a history happen and time run on for some days."""
    return b.live(events, policy, until=events[-1].recorded_at + days * b.DAY, world=world)


def swapped(**more):
    """Return an order whose box holds the wrong thing, found at noon."""
    return [
        b.event(b.placed(**more)),
        b.event(b.planned(), b.FRIDAY + b.HOUR),
        b.event(b.packed(SWAP), NOON),
    ]


def answer(decision, **moods):
    """Answer by class of decision: a mood of the world for each."""
    whim = {"ReplacementProgressed": 0, **moods}.get(type(decision).__name__)
    return [] if whim is None else b.moody_world((whim,))(decision)


# ---------------------------------------------------------------------------- reconcile


def test_a_difference_is_said_once():
    """The same finding at every look, and one exception."""
    course = tell(*swapped(), *[b.silence(NOON + n * b.HOUR) for n in range(1, 5)])

    assert [d.kind for _, d in decided(course, facts.ExceptionOpened)] == ["wrong_item"]


def test_an_exception_that_comes_back_is_another_one():
    """Corrected, and then wrong again: two identities, both openings are news."""
    again = [
        b.event(b.packed(counts), NOON + n * b.HOUR) for n, counts in ((1, {"MARKERS-BLUE": 1}), (2, SWAP))
    ]
    course = tell(*swapped(), *again, days=0)
    opened = [d.exception_id for _, d in decided(course, facts.ExceptionOpened)]
    cleared = [d.exception_id for _, d in decided(course, facts.ExceptionCleared)]

    assert len(set(opened)) == 2
    assert cleared == opened[:1]


def test_severity_only_grows():
    """A customer is not told that it was not so bad: a carrier's better date makes it no smaller."""
    late = b.event(b.scanned("in_transit", estimated_delivery="2026-12-04"), b.FRIDAY + b.HOUR)
    better = b.event(b.scanned("in_transit", estimated_delivery="2026-11-26"), b.FRIDAY + 5 * b.DAY)
    course = tell(b.event(b.placed()), late, better, days=0)
    (trouble,) = [t for t in course.orders[b.ORDER].case.troubles if t.kind == "late_delivery"]

    assert trouble.severity == "severe"
    assert len(decided(course, facts.ExceptionChanged)) == 0


def test_a_change_of_what_is_missing_is_news():
    """Another scan of the same box shows another mistake."""
    other = b.event(b.packed({"PLUSH-LAMP": 1}), NOON + 5 * b.MINUTE)
    course = tell(*swapped(), other, days=0)
    ((_, changed),) = decided(course, facts.ExceptionChanged)

    assert changed.extra == b.pack({"PLUSH-LAMP": 1})


# ---------------------------------------------------------------------------- respond


def test_a_station_has_ten_minutes_to_correct_itself():
    """Nothing is set in motion for a mistake that is put right at once."""
    course = tell(*swapped(), b.event(b.packed({"MARKERS-BLUE": 1}), NOON + 9 * b.MINUTE))

    assert decided(course, facts.ReplacementRequested) == []


def test_what_is_wrong_is_replaced_and_labelled_after_the_settling():
    """Both in the same moment, and once."""
    course = tell(*swapped())
    moments = [
        at
        for kind in (facts.ReplacementRequested, facts.ReturnLabelRequested)
        for at, _ in decided(course, kind)
    ]

    assert moments == [NOON + 10 * b.MINUTE] * 2


def test_a_remedy_beyond_the_budget_asks_a_person():
    """Goods of two hundred dollars are not replaced by rule."""
    dear = b.lines(price=20_000)
    course = tell(*swapped(lines=dear))
    ((_, review),) = decided(course, facts.ReviewRequested)

    assert (review.reason, review.cost.minor) == ("budget", 20_000 + 1_800 + 650)
    assert decided(course, facts.ReplacementRequested) == []
    assert [d.reason for _, d in decided(course, facts.MessageHeld)] == ["review"]


def test_a_currency_without_a_budget_asks_a_person():
    """Nobody has said what an order in yen may cost."""
    yen = facts.Money(minor=4000, currency="JPY")
    course = tell(*swapped(lines=(facts.OrderedLine(sku="MARKERS-BLUE", quantity=1, unit_price=yen),)))
    policy = msgspec.structs.replace(POLICY, budgets=msgspec.structs.replace(POLICY.budgets, order={}))

    assert [d.reason for _, d in decided(tell(*swapped(), policy=policy), facts.ReviewRequested)] == [
        "budget"
    ]
    assert [d.reason for _, d in decided(course, facts.ReviewRequested)] == ["budget"]
    assert decided(course, facts.ReplacementRequested) == []


@pytest.mark.parametrize(("approved", "replacements", "mails"), [(True, 1, 1), (False, 0, 0)])
def test_a_person_decides(approved, replacements, mails):
    """Yes sets everything in motion; no leaves the matter in the books, untold."""
    events = swapped(lines=b.lines(price=20_000))
    ((_, review),) = decided(tell(*events), facts.ReviewRequested)
    verdict = facts.ReviewResolved(order_id=b.ORDER, review_id=review.review_id, approved=approved, by="mo")
    course = tell(*events, b.event(verdict, NOON + b.HOUR), days=1)

    assert len(decided(course, facts.ReplacementRequested)) == replacements
    assert len(decided(course, facts.MessageQueued)) == mails
    assert b.open_exceptions(course.orders[b.ORDER]) >= {("wrong_item", b.PARCEL)}


def test_old_news_is_recorded_and_not_told():
    """A history of last month, read today: the exception stands, the mail is withdrawn as stale."""
    events = [msgspec.structs.replace(one, recorded_at=NOON + 40 * b.DAY) for one in swapped(promise=None)]
    course = tell(*events, days=1)
    stale = [d for _, d in decided(course, facts.MessageWithdrawn) if d.template == "wrong_item"]

    assert [d.reason for d in stale] == ["stale"]
    assert decided(course, facts.ReplacementRequested) == []
    assert decided(course, facts.MessageQueued) == []


def test_a_replacement_that_cannot_be_shipped_asks_a_person():
    """Out of stock: the customer is not promised a parcel that nobody sends."""
    course = tell(*swapped(), world=lambda d: answer(d, ReplacementRequested=2, ReturnLabelRequested=0))
    ((_, review),) = decided(course, facts.ReviewRequested)

    assert review.reason == "kind_needs_person"
    assert decided(course, facts.MessageQueued) == []


# ---------------------------------------------------------------------------- notify


def test_a_letter_waits_for_its_label():
    """The label comes after twenty minutes, and the letter with it."""
    course = tell(*swapped(), world=lambda d: answer(d, ReplacementRequested=0, ReturnLabelRequested=1))
    ((at, queued),) = decided(course, facts.MessageQueued)

    assert at == NOON + 30 * b.MINUTE
    assert queued.letter.label_id is not None


def test_a_letter_waits_no_longer_than_its_patience():
    """No label after half an hour: the customer hears of it all the same."""
    course = tell(*swapped())
    ((at, queued),) = decided(course, facts.MessageQueued)

    assert at == NOON + 10 * b.MINUTE + POLICY.notify.patience
    assert queued.letter.label_id is None


def test_nobody_is_woken():
    """Found at eleven in the evening, told at eight in the morning, by the customer's clock."""
    night = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    course = tell(b.event(b.placed()), b.event(b.planned()), b.event(b.packed(SWAP), night), days=1)
    ((_, held),) = [d for d in decided(course, facts.MessageHeld) if d[1].template == "wrong_item"]
    at, _ = decided(course, facts.MessageQueued)[0]

    assert (held.reason, held.until) == ("quiet_hours", datetime(2026, 11, 21, 13, 0, tzinfo=UTC))
    assert at == held.until


def test_the_second_news_of_a_day_waits_for_the_window():
    """One mail a day: damage an hour after the swap is told a day later, and needs no second apology."""
    broken = b.event(b.scanned("exception", reason="damaged"), NOON + 2 * b.HOUR)
    course = tell(*swapped(promise=None), broken, days=3, world=b.moody_world((0,)))
    first, second = decided(course, facts.MessageQueued)[:2]

    assert second[0] - first[0] == POLICY.notify.window
    assert [first[1].letter.apologize, second[1].letter.apologize] == [True, False]
    assert second[1].thread == (first[1].message_id,)


def test_a_mail_that_waits_is_judged_again():
    """The parcel came during the night: no apology for its lateness."""
    arrived = b.event(b.scanned("delivered"), datetime(2026, 11, 25, 9, 0, tzinfo=UTC))
    moving = b.event(b.scanned("in_transit"), b.FRIDAY + b.HOUR)
    course = tell(b.event(b.placed()), b.event(b.labelled()), moving, arrived)

    assert [d.kind for _, d in decided(course, facts.ExceptionOpened)] == ["late_delivery"]
    assert decided(course, facts.MessageQueued) == []


def test_a_queued_mail_that_is_no_longer_true_is_taken_back():
    """It has not been sent: the customer never hears of what was put right."""
    fixed = b.event(b.packed({"MARKERS-BLUE": 1}), NOON + 2 * b.HOUR)
    course = tell(*swapped(promise=None), fixed, days=0)
    ((_, back),) = decided(course, facts.MessageWithdrawn)

    assert (back.reason, back.queued) == ("cleared", True)
    assert course.orders[b.ORDER].case.messages[0].status == "withdrawn"


def test_without_an_address_the_mail_is_held():
    """It goes out when an address turns up."""
    moved = facts.OrderChanged(order_id=b.ORDER, customer=b.customer())
    nobody = swapped(customer=b.customer(email=None), promise=None)
    course = tell(*nobody, b.event(moved, NOON + 3 * b.HOUR), days=0)

    assert [d.reason for _, d in decided(course, facts.MessageHeld)] == ["no_address"]
    assert [at for at, _ in decided(course, facts.MessageQueued)] == [NOON + 3 * b.HOUR]


def test_one_kind_note_about_the_label():
    """Six days after the replacement arrived, once, and never when the parcel has been seen."""

    def world(decision, label=0):
        return answer(decision, MessageQueued=0, ReplacementRequested=1, ReturnLabelRequested=label)

    idle = tell(*swapped(promise=None), days=40, world=world)
    seen = tell(*swapped(promise=None), days=40, world=lambda d: world(d, label=1))
    notes = [
        [at for at, d in decided(course, facts.MessageQueued) if d.template == "return_follow_up"]
        for course in (idle, seen)
    ]

    assert len(notes[0]) == 1
    assert notes[1] == []


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-20T15:00:00Z", None),
        ("2026-11-21T01:59:59Z", None),
        ("2026-11-21T02:00:00Z", "2026-11-21T13:00:00Z"),
        ("2026-11-21T12:59:59Z", "2026-11-21T13:00:00Z"),
        ("2026-11-21T13:00:00Z", None),
    ],
)
def test_the_night_is_the_customers(at, until):
    """From nine in the evening to eight in the morning in New York; the ends count exactly."""
    now = datetime.fromisoformat(at)
    quiet = POLICY.quiet
    found = quiet_until(now, "America/New_York", quiet.start, quiet.end)

    assert found == (datetime.fromisoformat(until) if until else None)


def test_a_night_of_no_length_is_never():
    """Equal times mean: mail at any hour."""
    assert quiet_until(b.FRIDAY, "UTC", POLICY.quiet.start, POLICY.quiet.start) is None


# ---------------------------------------------------------------------------- step


def test_an_event_that_the_order_has_seen_changes_nothing():
    """Not even a bit of it, and it says so."""
    one = b.event(b.placed())
    first = step(new_order(b.ORDER), one, b.FRIDAY, POLICY)
    second = step(first.order, one, b.FRIDAY + b.DAY, POLICY)

    assert (second.duplicate, second.decisions, second.order) == (True, (), first.order)
    assert second.wake_at == first.wake_at


def test_nothing_is_judged_before_the_order_is_known():
    """A parcel of an order that we have not heard of waits for it."""
    lost = b.event(b.scanned("exception", reason="lost"))
    early = b.fold(POLICY, lost)
    later = b.fold(POLICY, b.event(b.placed(), recorded_at=b.FRIDAY + b.HOUR), order=early.order)

    assert early.decisions == ()
    assert facts.ExceptionOpened in map(type, later.decisions)


def test_a_replacement_tells_the_order_that_it_makes_good():
    """Placed, shipped, delivered: once each, to the first order."""
    scans = [
        b.event(b.scanned(status), b.FRIDAY + n * b.HOUR)
        for n, status in ((1, "in_transit"), (2, "delivered"))
    ]
    course = tell(b.event(b.placed(replaces="FIRST")), b.event(b.labelled()), *scans)
    news = [(d.order_id, d.status) for _, d in decided(course, facts.ReplacementProgressed)]

    assert news == [("FIRST", "placed"), ("FIRST", "shipped"), ("FIRST", "delivered")]


def test_a_promise_kept_wakes_nobody():
    """An order that arrived asks for no alarm."""
    done = b.fold(POLICY, b.event(b.placed()), b.event(b.scanned("delivered"), b.FRIDAY + b.DAY))

    assert (done.wake_at, done.decisions) == (None, ())


def test_every_letter_names_a_range():
    """Never one hopeful date: two days, in order."""
    course = tell(b.event(b.placed()), days=20, world=b.moody_world((0,)))
    ranges = [d.letter.arrives for _, d in decided(course, facts.MessageQueued)]

    assert len(ranges) > 1
    assert all(one is not None and one.from_ < one.by for one in ranges)
    assert timedelta(0) < ranges[0].by - ranges[0].from_
