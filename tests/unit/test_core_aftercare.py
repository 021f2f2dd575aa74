"""What is left to do when words alone do not end it: stock, labels that come late, storms, limits, mails that come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.core import events as facts
from streams.pipeline.story import kind_world, tell
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
LIMITED = load_policy(overrides={"budgets.day": {"USD": 5000}})
LAMP, KAZOO = "LAMP", "KAZOO"


def at(text):
    """Return ``11-20 10:00`` of 2026, in UTC."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def course(*happened, until, world=kind_world, policy=POLICY):
    """Let (moment, fact) pairs happen in order, and time run on to ``until``."""
    heard = (b.event(fact, at(when)) for when, fact in happened if at(when) <= at(until))
    events = sorted(heard, key=lambda one: one.recorded_at)
    return tell(events, policy, until=at(until), world=world)


def of(told, kind):
    """Return the decisions of one class."""
    return [one.decision for one in told if isinstance(one.decision, kind)]


def mailed(told):
    """Return the templates of all mails, in order."""
    return [one.template for one in of(told, facts.MessageQueued)]


def wrong_box(price=1200):
    """Return a lamp bought and a kazoo packed, noon in New York."""
    return (
        ("11-20 15:00", b.placed(promise=None, lines=b.lines({LAMP: 1}, price=price), shipping=None)),
        ("11-20 16:00", b.packed({KAZOO: 1})),
        ("11-20 23:00", b.labelled()),
        ("11-21 23:00", b.scanned("in_transit")),
        ("11-23 23:00", b.scanned("delivered")),
    )


class Shelf:
    """A world whose order system has nothing on the shelf until ``filled``."""

    def __init__(self):
        self.asked = 0
        self.filled = False

    def __call__(self, decision):
        if isinstance(decision, facts.ReplacementRequested) and not self.filled:
            self.asked += 1
            return facts.ReplacementRefused(
                order_id=decision.order_id,
                case_id=decision.case_id,
                replacement_id=decision.replacement_id,
                reason="none left",
                out_of_stock=True,
            )
        return kind_world(decision)


def chose(word):
    """Return what a customer chose."""
    return facts.ChoiceMade(order_id=b.ORDER, case_id="case", choice=word)


def test_out_of_stock_is_offered_in_the_same_mail():
    """One mail says what went wrong and what the customer may choose; no person is troubled yet."""
    told = course(*wrong_box(), until="11-21 12:00", world=Shelf())

    (mail,) = of(told, facts.MessageQueued)
    assert (mail.template, [line.sku for line in mail.letter.out_of_stock]) == ("out_of_stock", [LAMP])
    assert mail.letter.apologize
    assert mail.letter.label_id is not None
    assert of(told, facts.ReviewRequested) == []


def test_a_refund_is_what_was_paid_once_and_no_budget_is_asked():
    """The customer chooses, twice even: the money goes back once, above every budget."""
    told = course(
        *wrong_box(price=14_000),
        ("11-21 15:00", chose("refund")),
        ("11-21 16:00", chose("refund")),
        until="12-20 12:00",
        world=Shelf(),
        policy=load_policy(overrides={"budgets.order": {"USD": 20_000}, "budgets.total": {"USD": 1}}),
    )
    asked = [one.purpose for one in of(told, facts.AllowanceRequested)]

    assert [(one.cost.minor, one.lines[0].sku) for one in of(told, facts.RefundGranted)] == [(14_000, LAMP)]
    assert asked == ["remedies", "message"]  # before it was known that there is none


def test_a_choice_of_money_gives_it_back():
    """What the lines cost, in the currency in which they were paid."""
    told = course(*wrong_box(), ("11-21 15:00", chose("refund")), until="12-20 12:00", world=Shelf())

    assert [one.cost.minor for one in of(told, facts.RefundGranted)] == [1200]
    assert mailed(told) == ["out_of_stock"]
    assert len(of(told, facts.ReplacementRequested)) == 1


def test_who_waits_is_told_when_it_leaves():
    """The shelf is asked once a day, silently; when it is filled one mail says so."""
    shelf = Shelf()
    told = []

    def world(decision):
        shelf.filled = shelf.asked >= 4
        return shelf(decision)

    told = course(*wrong_box(), ("11-21 15:00", chose("wait")), until="12-20 12:00", world=world)

    assert shelf.asked == 4
    assert mailed(told) == ["out_of_stock", "replacement_update"]
    assert len({one.replacement_id for one in of(told, facts.ReplacementRequested)}) == 5
    assert of(told, facts.RefundGranted) == []


def test_who_does_not_choose_is_called_by_a_person():
    """Never silence: after a week it is a person's matter, once."""
    told = course(*wrong_box(), until="12-20 12:00", world=Shelf())

    reviews = [one for one in told if isinstance(one.decision, facts.ReviewRequested)]
    assert [(one.decision.reason, one.now.date().isoformat()) for one in reviews] == [
        ("kind_needs_person", "2026-11-27")
    ]
    assert mailed(told) == ["out_of_stock"]


def test_what_runs_out_behind_the_mail_is_told_in_a_second_one():
    """The order system says no when the mail is out: the offer follows, and the words stay one conversation."""

    def slow(decision):
        return None if isinstance(decision, facts.ReplacementRequested) else kind_world(decision)

    first = course(*wrong_box(), until="11-20 20:00", world=slow)
    (request,) = of(first, facts.ReplacementRequested)
    no = facts.ReplacementRefused(
        order_id=b.ORDER,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reason="",
        out_of_stock=True,
    )
    told = course(*wrong_box(), ("11-21 18:00", no), until="11-22 18:00", world=slow)

    assert mailed(told) == ["wrong_item", "out_of_stock"]
    assert [one.letter.apologize for one in of(told, facts.MessageQueued)] == [True, False]


def test_a_label_that_comes_late_follows_alone():
    """The apology went without it after half an hour; the label brings no second apology."""

    def no_label(decision):
        return None if isinstance(decision, facts.ReturnLabelRequested) else kind_world(decision)

    (request,) = of(course(*wrong_box(), until="11-20 20:00", world=no_label), facts.ReturnLabelRequested)
    issued = facts.ReturnLabelIssued(
        order_id=b.ORDER,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id="lbl",
        carrier="Sandbox Post",
        tracking_number="RET1",
        cost=request.cost,
    )
    told = course(*wrong_box(), ("11-22 18:00", issued), until="12-20 12:00", world=no_label)
    first, second = of(told, facts.MessageQueued)

    assert (first.template, first.letter.label_id) == ("wrong_item", None)
    assert (second.template, second.letter.label_id, second.letter.apologize) == (
        "label_follows",
        "lbl",
        False,
    )


def test_nothing_is_asked_across_orders_where_nothing_is_limited():
    """The standard policy names no sums: no question, no waiting."""
    assert of(course(*wrong_box(), until="11-21 12:00"), facts.AllowanceRequested) == []


def test_what_costs_and_what_is_said_are_asked_before_they_are_done():
    """One question for label and replacement, one for the mail; both answered, all goes as without limits."""
    told = course(*wrong_box(), until="11-21 12:00", policy=LIMITED)
    asked = of(told, facts.AllowanceRequested)

    assert [(one.purpose, [cost.minor for cost in one.costs]) for one in asked] == [
        ("remedies", [650 + 1800 + 1200]),
        ("message", []),
    ]
    assert mailed(told) == ["wrong_item"]
    kinds = [type(one.decision).__name__ for one in told]
    assert kinds.index("AllowanceRequested") < kinds.index("ReplacementRequested")


def refused(limit):
    """Return a world that refuses every allowance that no person has approved."""

    def world(decision):
        if isinstance(decision, facts.AllowanceRequested) and not decision.approved:
            return facts.AllowanceRefused(
                order_id=decision.order_id,
                case_id=decision.case_id,
                allowance_id=decision.allowance_id,
                limit=limit,
            )
        return kind_world(decision)

    return world


@pytest.mark.parametrize(
    ("limit", "reason"), [("day", "budget"), ("total", "budget"), ("history", "history")]
)
def test_above_a_limit_a_person_decides(limit, reason):
    """Nothing moves and nothing is said until somebody has; their yes is booked and carried out."""
    silent = course(*wrong_box(), until="11-21 12:00", world=refused(limit), policy=LIMITED)
    (review,) = of(silent, facts.ReviewRequested)
    yes = facts.ReviewResolved(order_id=b.ORDER, review_id=review.review_id, approved=True, by="dana")
    told = course(
        *wrong_box(), ("11-20 19:00", yes), until="11-21 12:00", world=refused(limit), policy=LIMITED
    )

    assert review.reason == reason
    assert mailed(silent) == [] == of(silent, facts.ReplacementRequested)
    assert mailed(told) == ["wrong_item"]
    assert [one.approved for one in of(told, facts.AllowanceRequested)] == [False, True, True]


def storm(decision):
    """Answer as in a storm: every mail waits."""
    if isinstance(decision, facts.AllowanceRequested) and decision.purpose == "message":
        return facts.AllowanceHeld(
            order_id=decision.order_id,
            case_id=decision.case_id,
            allowance_id=decision.allowance_id,
            storm_id="storm_1",
        )
    return kind_world(decision)


def late(*more, until, world):
    """Tell of an armchair promised for Tuesday that is still on its way."""
    return course(
        ("11-20 15:00", b.placed()),
        ("11-20 16:00", b.labelled()),
        ("11-23 15:00", b.scanned("in_transit")),
        *more,
        until=until,
        world=world,
        policy=LIMITED,
    )


def released(told):
    """Return the yes to the mail that waits."""
    (asked,) = of(told, facts.AllowanceRequested)
    return facts.AllowanceGranted(
        order_id=b.ORDER, case_id=asked.case_id, allowance_id=asked.allowance_id, apology=False
    )


def test_a_mail_held_in_a_storm_is_judged_again_when_it_is_released():
    """Released, it goes out, without an apology where the customer has heard enough of them."""
    waiting = late(until="11-25 20:00", world=storm)
    told = late(("11-25 18:00", released(waiting)), until="11-25 20:00", world=storm)

    assert [one.reason for one in of(waiting, facts.MessageHeld)][-1] == "storm"
    assert mailed(waiting) == []
    assert mailed(told) == ["late_delivery"]
    assert of(told, facts.MessageQueued)[0].letter.apologize is False


def test_a_parcel_that_arrives_in_a_storm_is_told_nothing():
    """What waits, waits in the order: the release finds nothing left to say."""
    waiting = late(until="11-25 20:00", world=storm)
    told = late(
        ("11-25 17:00", b.scanned("delivered")),
        ("11-25 18:00", released(waiting)),
        until="11-28 20:00",
        world=storm,
    )

    assert mailed(told) == []


def bounced(queued, reply="5.1.1 no such user"):
    """Return that a mail came back."""
    return facts.MessageBounced(
        order_id=b.ORDER,
        message_id=queued.message_id,
        case_id=queued.case_id,
        template=queued.template,
        locale=queued.locale,
        to_hash=queued.to_hash,
        reply=reply,
    )


@pytest.mark.parametrize(
    ("reply", "nobody"),
    [
        ("5.1.1 no such user", True),
        ("5.1.10 takes no mail", True),
        ("5.2.1 disabled", True),
        ("5.2.2 mailbox full", False),
        ("5.3.0 system trouble", False),
        ("5.1.8 bad sender", False),
        ("5.0.0", False),
        (None, False),
    ],
)
def test_only_an_address_that_nobody_has_is_barred_for_all_orders(reply, nobody):
    """A full mailbox is empty again some day: this case goes to a person, and the next order is written to."""
    (first,) = of(course(*wrong_box(), until="11-20 20:00"), facts.MessageQueued)
    told = course(
        *wrong_box(),
        ("11-20 21:00", bounced(first, reply)),
        ("11-22 15:00", b.scanned("exception", reason="lost")),
        until="11-23 12:00",
    )
    (review,) = [one for one in of(told, facts.ReviewRequested) if one.reason == "bounced"]

    assert review.to_hash == (first.to_hash if nobody else None)
    assert mailed(told) == ["wrong_item"]


def test_a_mail_that_came_back_is_a_persons_matter_and_its_address_is_barred():
    """No further mail goes there, whatever happens."""
    (first,) = of(course(*wrong_box(), until="11-20 20:00"), facts.MessageQueued)
    told = course(
        *wrong_box(),
        ("11-20 21:00", bounced(first)),
        ("11-22 15:00", b.scanned("exception", reason="lost")),
        until="11-23 12:00",
    )
    reviews = [one for one in of(told, facts.ReviewRequested) if one.reason == "bounced"]

    assert [one.to_hash for one in reviews] == [first.to_hash]
    assert mailed(told) == ["wrong_item"]
    assert "no_address" in {one.reason for one in of(told, facts.MessageHeld)}


def test_another_address_is_told_what_is_still_true():
    """The customer gives a new address: the news goes there, once."""
    (first,) = of(course(*wrong_box(), until="11-20 20:00"), facts.MessageQueued)
    moved = facts.OrderChanged(order_id=b.ORDER, customer=b.customer(email="ines.new@example.com"))
    told = course(
        *wrong_box(),
        ("11-20 21:00", bounced(first)),
        ("11-23 15:00", moved),
        until="12-20 12:00",
    )
    sent = of(told, facts.MessageQueued)

    assert [one.letter.to for one in sent] == ["ines@example.com", "ines.new@example.com"]
    assert [one.template for one in sent] == ["wrong_item", "wrong_item"]
    assert len({one.message_id for one in sent}) == 2


def test_a_person_may_let_automatic_mail_go_on():
    """A yes to the review of an answer ends the silence; the next answer begins it again."""
    reply = facts.CustomerReplied(order_id=b.ORDER, text="Where is it?")
    silent = course(*wrong_box(), ("11-20 18:00", reply), until="11-21 12:00")
    (review,) = of(silent, facts.ReviewRequested)
    yes = facts.ReviewResolved(order_id=b.ORDER, review_id=review.review_id, approved=True, by="dana")
    lost = b.scanned("exception", reason="lost")
    happened = (*wrong_box(), ("11-20 18:00", reply), ("11-22 15:00", lost))
    told = course(*happened, ("11-20 19:00", yes), until="11-23 12:00")

    assert review.reason == "reply"
    assert mailed(course(*happened, until="11-23 12:00")) == ["wrong_item"]
    assert mailed(told) == ["wrong_item", "lost"]


def test_who_speaks_with_a_customer_hears_of_new_trouble():
    """The customer is not written to about it, so whoever speaks with them must know: once, and a yes sets mail free."""
    reply = facts.CustomerReplied(order_id=b.ORDER, text="Where is it?")
    lost = b.scanned("exception", reason="lost")
    happened = (*wrong_box(), ("11-20 18:00", reply), ("11-22 15:00", lost))
    told = course(*happened, until="11-26 12:00")
    answer, news = of(told, facts.ReviewRequested)
    (opened,) = [one for one in of(told, facts.ExceptionOpened) if one.kind == "lost"]
    yes = facts.ReviewResolved(order_id=b.ORDER, review_id=news.review_id, approved=True, by="dana")

    assert (answer.reason, news.reason) == ("reply", "reply")
    assert opened.exception_id not in answer.exception_ids
    assert news.exception_ids == (opened.exception_id,)
    assert mailed(course(*happened, ("11-22 18:00", yes), until="11-26 12:00")) == ["wrong_item", "lost"]


def test_trouble_that_passes_by_itself_bothers_nobody_who_speaks_with_a_customer():
    """A station that corrects its scan within minutes."""
    reply = facts.CustomerReplied(order_id=b.ORDER, text="Thank you!")
    told = course(
        ("11-20 15:00", b.placed(promise=None, lines=b.lines({LAMP: 1}), shipping=None)),
        ("11-20 15:30", reply),
        ("11-20 16:00", b.packed({KAZOO: 1})),
        ("11-20 16:04", b.packed({LAMP: 1})),
        until="11-21 12:00",
    )

    assert of(told, facts.ExceptionOpened) != []
    assert all(one.exception_ids == () for one in of(told, facts.ReviewRequested))


def test_time_for_a_person_ends_and_says_under_whose_name():
    """The policy's word is an event, and it is the same event however often we look."""
    told = course(*wrong_box(price=420_000), until="12-20 12:00")
    (expired,) = of(told, facts.ReviewExpired)
    (asked,) = of(told, facts.ReviewRequested)

    assert (expired.review_id, expired.outcome, expired.by) == (asked.review_id, "words_only", "standard")
    assert asked.decide_by == at("11-20 16:10") + timedelta(days=2)
    assert of(told, facts.ReplacementRequested) == []


# ---------------------------------------------------------------------------- what a reviewer found


def lost_lamp(*more, until, world, **options):
    """A lamp that its carrier loses on the second day."""
    return course(
        ("11-20 15:00", b.placed(promise=None, lines=b.lines({LAMP: 1}), shipping=None)),
        ("11-20 16:00", b.labelled()),
        ("11-21 15:00", b.scanned("in_transit")),
        ("11-22 15:00", b.scanned("exception", reason="lost")),
        *more,
        until=until,
        world=world,
        **options,
    )


FOUND = (("11-24 15:00", b.scanned("in_transit")), ("11-25 15:00", b.scanned("delivered")))


@pytest.mark.parametrize("word", ["refund", "wait"])
def test_a_choice_for_what_arrived_after_all_is_read_by_a_person(word):
    """No money and no second copy by itself for a lamp that is there."""
    told = lost_lamp(*FOUND, ("11-26 15:00", chose(word)), until="12-20 12:00", world=Shelf())

    assert of(told, facts.RefundGranted) == []
    assert len(of(told, facts.ReplacementRequested)) == 1
    assert [one.reason for one in of(told, facts.ReviewRequested)] == ["reply"]
    assert mailed(told) == ["out_of_stock"]


def test_who_waits_for_what_arrived_is_sent_no_second_one():
    """They chose to wait, and the first one came: the shelf is asked no more, and a person hears of it."""
    told = lost_lamp(("11-23 15:00", chose("wait")), *FOUND, until="12-20 12:00", world=Shelf())

    assert len(of(told, facts.ReplacementRequested)) == 3  # all before it was found
    assert [one.reason for one in of(told, facts.ReviewRequested)] == ["kind_needs_person"]
    assert "found" not in mailed(told)


def test_a_choice_for_a_canceled_order_gives_nothing_by_itself():
    """The order system pays back what was canceled; we do not pay it a second time."""
    told = lost_lamp(
        ("11-23 15:00", facts.OrderCanceled(order_id=b.ORDER)),
        ("11-23 16:00", chose("refund")),
        until="12-20 12:00",
        world=Shelf(),
    )

    assert of(told, facts.RefundGranted) == []


@pytest.mark.parametrize(("word", "requests"), [("refund", 1), ("wait", 3)])
def test_one_lamp_is_paid_back_or_sent_once_whatever_else_goes_wrong(word, requests):
    """The wrong box is lost, too: the same lamp is one question, one refund, or one replacement."""
    shelf = Shelf()

    def world(decision):
        shelf.filled = shelf.asked >= 2
        return shelf(decision)

    told = course(
        *wrong_box()[:4],
        ("11-22 15:00", b.scanned("exception", reason="lost")),
        ("11-22 16:00", chose(word)),
        until="12-01 12:00",
        world=world if word == "wait" else Shelf(),
    )

    assert len(of(told, facts.RefundGranted)) == (1 if word == "refund" else 0)
    assert len(of(told, facts.ReplacementRequested)) == requests


def test_waiting_ends_with_a_person():
    """After two weeks of an empty shelf somebody calls the customer, once."""
    told = course(*wrong_box(), ("11-21 15:00", chose("wait")), until="12-31 12:00", world=Shelf())
    reviews = [one for one in told if isinstance(one.decision, facts.ReviewRequested)]

    assert len(of(told, facts.ReplacementRequested)) == 15
    assert [one.now.date().isoformat() for one in reviews] == ["2026-12-05"]


def test_who_waits_may_choose_the_money_after_all_and_twice_the_same_word_is_one():
    """The later word stands; a link and an answer that say the same are no conversation."""
    told = course(
        *wrong_box(),
        ("11-21 15:00", chose("wait")),
        ("11-21 16:00", chose("wait")),
        ("11-22 15:00", chose("refund")),
        until="12-31 12:00",
        world=Shelf(),
    )

    assert len(of(told, facts.RefundGranted)) == 1
    assert of(told, facts.ReviewRequested) == []


def no_label(decision):
    """Answer all but the seller of labels."""
    return None if isinstance(decision, facts.ReturnLabelRequested) else kind_world(decision)


def late_label(*more, at_, until):
    """A wrong box whose label comes late, after something else."""
    (request,) = of(course(*wrong_box(), until="11-20 20:00", world=no_label), facts.ReturnLabelRequested)
    issued = facts.ReturnLabelIssued(
        order_id=b.ORDER,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id="lbl",
        carrier="Sandbox Post",
        tracking_number="RET1",
        cost=request.cost,
    )
    return course(*wrong_box()[:2], *more, (at_, issued), until=until, world=no_label)


@pytest.mark.parametrize(
    "before",
    [
        (("11-21 16:00", facts.OrderCanceled(order_id=b.ORDER)),),
        (("11-21 16:00", b.packed({LAMP: 1})),),
        (("11-20 23:00", b.labelled()), ("11-21 16:00", b.scanned("exception", reason="lost"))),
    ],
)
def test_a_label_that_nobody_needs_any_more_is_not_sent_after(before):
    """Canceled, packed right after all, or lost on its way: there is nothing to send back."""
    told = late_label(*before, at_="11-23 18:00", until="11-26 12:00")

    assert "label_follows" not in mailed(told)


def test_what_was_in_a_mail_that_came_back_is_said_again_as_it_was():
    """The apology and the refund stood in a mail that nobody has read."""
    happened = (
        ("11-20 15:00", b.placed()),
        ("11-20 16:00", b.labelled()),
        ("11-23 15:00", b.scanned("in_transit")),
    )
    (first,) = of(course(*happened, until="11-25 20:00"), facts.MessageQueued)
    moved = facts.OrderChanged(order_id=b.ORDER, customer=b.customer(email="ines.new@example.com"))
    told = course(*happened, ("11-25 18:00", bounced(first)), ("11-25 19:00", moved), until="11-25 22:00")
    letters = [one.letter for one in of(told, facts.MessageQueued)]

    assert [one.to for one in letters] == ["ines@example.com", "ines.new@example.com"]
    assert [one.apologize for one in letters] == [True, True]
    assert letters[0].shipping_refund == letters[1].shipping_refund


def test_a_storm_that_people_refused_is_no_matter_of_time():
    """They said no: the words do not go out either when the time for the money is over."""

    def world(decision):
        if isinstance(decision, facts.AllowanceRequested):
            limit = "day" if decision.purpose == "remedies" else "storm"
            return facts.AllowanceRefused(
                order_id=decision.order_id,
                case_id=decision.case_id,
                allowance_id=decision.allowance_id,
                limit=limit,
            )
        return kind_world(decision)

    told = course(*wrong_box(), until="12-20 12:00", world=world, policy=LIMITED)

    assert "wrong_item" not in mailed(told)
    assert [one.reason for one in of(told, facts.ReviewRequested)] == ["budget", "storm"]


def test_a_yes_by_time_is_nobodys_word():
    """Where the policy approves what nobody decided, limits across orders hold all the same."""
    policy = load_policy(overrides={"budgets.day": {"USD": 1}, "reviews.overdue": "approve"})
    told = course(*wrong_box(), until="12-20 12:00", world=refused("day"), policy=policy)

    assert {one.approved for one in of(told, facts.AllowanceRequested)} == {False}
    assert of(told, facts.ReplacementRequested) == []


def test_what_a_person_let_through_was_about_that_much_and_no_more():
    """More is missing later: somebody is asked about it, and nothing is left out in silence."""
    policy = load_policy(overrides={"budgets.order": {"USD": 1}})
    happened = (
        ("11-20 15:00", b.placed(promise=None, lines=b.lines({LAMP: 1, "CUP": 1}), shipping=None)),
        ("11-20 16:00", b.packed({KAZOO: 1, "CUP": 1})),
    )
    (review,) = of(course(*happened, until="11-20 17:00", policy=policy), facts.ReviewRequested)
    yes = facts.ReviewResolved(
        order_id=b.ORDER, review_id=review.review_id, approved=True, by="dana", remedies=("return_label",)
    )
    told = course(
        *happened,
        ("11-20 17:00", yes),
        ("11-20 18:00", b.packed({KAZOO: 1})),
        until="11-21 12:00",
        policy=policy,
    )

    assert len(of(told, facts.ReviewRequested)) == 2
