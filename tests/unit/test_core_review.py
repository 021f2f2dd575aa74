"""Behaviors that would hurt a customer or the shop, each with the shortest history that shows it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.core import events as facts
from streams.core.money import Money
from streams.pipeline.story import kind_world, tell
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
PATIENT = load_policy(overrides={"reviews.within": "0s"})  # a person may think for ever
NEW_YORK = ZoneInfo("America/New_York")
LAMP, STOOL, GNOME, KAZOO = "FURRY-LAMP", "CRUNCHY-STOOL", "GARDEN-GNOME", "KAZOO"
SECOND_PARCEL = {"shipment_id": "PARCEL-2", "tracking_number": "1Z-GNOME"}
AGAIN = "CRUNCHY-ARMCHAIR-1-AGAIN"
AGAIN_PARCEL = {"order_id": AGAIN, "shipment_id": "PARCEL-AGAIN", "tracking_number": "1Z-AGAIN"}


# ---------------------------------------------------------------------------- histories


def at(text: str) -> datetime:
    """Return ``11-20 10:15`` on the clock of New York."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=NEW_YORK).astimezone(UTC)


def course(*happened, until, world=kind_world, policy=POLICY):
    """Let (moment, fact) pairs happen in the order of their moments, and time run on to ``until``."""
    events = sorted((b.event(fact, at(when)) for when, fact in happened), key=lambda one: one.recorded_at)
    return tell(events, policy, until=at(until), world=world)


def bought(*skus, promise=None, **more):
    """Return an order of one piece each, shipped for free."""
    return b.placed(
        more.pop("order_id", b.ORDER),
        promise=promise,
        bought=dict.fromkeys(skus, 1),
        **{"shipping": None, **more},
    )


def again(*skus, **more):
    """Return the order that makes good the first one."""
    return bought(*skus, order_id=more.pop("order_id", AGAIN), replaces=b.ORDER, **more)


def reported(kind, counts=None):
    """Return what a customer told us."""
    return facts.CustomerReported(
        order_id=b.ORDER, kind=kind, lines=b.pack(counts) if counts is not None else None
    )


def one_wrong_box():
    """Return a lamp bought, and a kazoo packed and answered for at ten past noon."""
    return [
        ("11-20 10:00", bought(LAMP)),
        ("11-20 11:00", b.planned({LAMP: 1})),
        ("11-20 12:00", b.packed({KAZOO: 1})),
        ("11-20 13:00", b.labelled()),
    ]


def two_wrong_boxes(first, second):
    """Return a lamp and a stool in two boxes, with a kazoo in one and a gnome in the other."""
    return [
        ("11-20 10:00", bought(LAMP, STOOL)),
        ("11-20 11:00", b.planned({LAMP: 1})),
        ("11-20 11:00", b.planned({STOOL: 1}, fulfillment_id="FUL-2", shipment_id="PARCEL-2")),
        (first, b.packed({KAZOO: 1})),
        (second, b.packed({GNOME: 1}, shipment_id="PARCEL-2")),
    ]


def replacement_arrives(*skus, placed="11-21 10:00", delivered="11-24 15:00", **names):
    """Return the course of a replacement that goes well."""
    parcel = {**AGAIN_PARCEL, **names}
    return [
        (placed, again(*skus, order_id=parcel["order_id"])),
        (placed, b.labelled(**parcel)),
        (delivered, b.scanned("delivered", **parcel)),
    ]


def lost_at_once():
    """Return a lamp whose parcel the carrier loses on the second day."""
    return [
        ("11-02 10:00", bought(LAMP)),
        ("11-02 12:00", b.labelled()),
        ("11-03 10:00", b.scanned("in_transit")),
        ("11-04 10:00", b.scanned("exception", reason="lost")),
    ]


# ---------------------------------------------------------------------------- worlds


def approving(decision):
    """Answer as a kind world in which a person says yes at once."""
    if isinstance(decision, facts.ReviewRequested):
        return facts.ReviewResolved(
            order_id=decision.order_id, review_id=decision.review_id, approved=True, by="mo"
        )
    return kind_world(decision)


def out_of_stock(decision):
    """Answer as a world in which a person said yes to the first question only, and the order system says no."""
    if isinstance(decision, facts.ReplacementRequested):
        return facts.ReplacementRefused(
            order_id=decision.order_id,
            case_id=decision.case_id,
            replacement_id=decision.replacement_id,
            reason="out of stock",
        )
    if isinstance(decision, facts.ReviewRequested) and decision.reason != "budget":
        return None
    return approving(decision)


def notes_wait(decision):
    """Answer as a kind world whose relay does not take follow-up notes yet."""
    if isinstance(decision, facts.MessageQueued) and decision.template == "return_follow_up":
        return facts.MessageDeferred(
            order_id=decision.order_id,
            message_id=decision.message_id,
            case_id=decision.case_id,
            template=decision.template,
            locale=decision.locale,
            to_hash=decision.to_hash,
            reply="451 4.7.1 later",
        )
    return kind_world(decision)


# ---------------------------------------------------------------------------- what was decided


def of(told, kind):
    """Return the decisions of one class."""
    return [one.decision for one in told if isinstance(one.decision, kind)]


def opened(told):
    """Return what was found wrong, as (kind, subject), in its order."""
    return [(decision.kind, decision.subject) for decision in of(told, facts.ExceptionOpened)]


def opened_at(told, kind):
    """Return when something was first found wrong."""
    return next(
        one.now
        for one in told
        if isinstance(one.decision, facts.ExceptionOpened) and one.decision.kind == kind
    )


def sent_again(told):
    """Return what every replacement request holds."""
    return [counts(decision.lines) for decision in of(told, facts.ReplacementRequested)]


def asked(told):
    """Return why a person was asked, each time."""
    return [decision.reason for decision in of(told, facts.ReviewRequested)]


def mailed(told):
    """Return the templates of the mails that went out."""
    return [decision.template for decision in of(told, facts.MessageQueued)]


def letters(told):
    """Return what the mails were written from."""
    return [decision.letter for decision in of(told, facts.MessageQueued)]


def counts(lines):
    """Return pieces by sku."""
    return {line.sku: line.quantity for line in lines}


# ---------------------------------------------------------------------------- money and persons


def test_money_without_a_budget_asks_a_person_first():
    """Nobody said what an order in Swiss francs may cost us: nothing leaves before a person says so."""
    piano = facts.OrderedLine(sku="PIANO", quantity=1, unit_price=Money(minor=420_000, currency="CHF"))
    told = course(
        ("11-20 10:00", bought(lines=(piano,))),
        ("11-20 11:00", b.planned({"PIANO": 1})),
        ("11-20 12:00", b.packed({KAZOO: 1})),
        until="11-21 12:00",
    )

    assert asked(told) == ["budget"]
    assert of(told, facts.ReplacementRequested) == []
    assert of(told, facts.ReturnLabelRequested) == []
    assert mailed(told) == []


@pytest.mark.parametrize(
    ("missed", "expected"),
    [({LAMP: 50}, [{LAMP: 1}]), ({"PIANO": 50}, [])],
    ids=["fifty-of-one", "never-ordered"],
)
def test_a_report_never_replaces_more_than_was_ordered(missed, expected):
    """Customers are believed, up to what they bought."""
    told = course(
        ("11-02 10:00", bought(LAMP)),
        ("11-02 12:00", b.labelled()),
        ("11-04 12:00", b.scanned("delivered")),
        ("11-05 10:00", reported("missing_item", missed)),
        until="11-06 12:00",
    )

    assert sent_again(told) == expected


def test_something_missing_among_several_articles_asks_a_person():
    """Nobody said which article is missing: a person finds out, we do not send everything again."""
    told = course(
        ("11-02 10:00", bought(LAMP, STOOL, GNOME)),
        ("11-02 12:00", b.labelled()),
        ("11-04 12:00", b.scanned("delivered")),
        ("11-05 10:00", reported("missing_item")),
        until="11-06 12:00",
    )

    assert asked(told) == ["kind_needs_person"]
    assert sent_again(told) == []


def test_remedies_that_grew_above_the_budget_while_the_mail_waited_ask_a_person():
    """Lateness without an address: by the day we can write, what the mail would grant is too dear."""
    dear = facts.Shipping(paid=Money(minor=40_000, currency="USD"))
    told = course(
        (
            "11-02 10:00",
            bought(LAMP, promise="2026-11-04", shipping=dear, customer=b.customer(email=None)),
        ),
        ("11-02 12:00", b.labelled()),
        ("11-03 10:00", b.scanned("in_transit")),
        ("11-05 20:00", b.scanned("in_transit")),
        ("11-09 10:00", b.scanned("in_transit")),
        ("11-10 10:00", facts.OrderChanged(order_id=b.ORDER, customer=b.customer())),
        until="11-10 12:00",
    )

    assert asked(told) == ["budget"]
    assert of(told, facts.ShippingRefundGranted) == []
    assert of(told, facts.GoodwillGranted) == []
    assert mailed(told) == []


def test_a_canceled_replacement_asks_a_person():
    """The order system called it off: somebody decides what the customer is offered instead."""
    told = course(
        *one_wrong_box(),
        ("11-21 10:00", again(LAMP)),
        ("11-22 10:00", facts.OrderCanceled(order_id=AGAIN)),
        until="11-23 12:00",
    )

    assert asked(told) == ["kind_needs_person"]
    assert sent_again(told) == [{LAMP: 1}]


def test_a_refusal_after_an_approved_budget_asks_a_person_again():
    """Yes to the money is not yes to no replacement: the mail waits for the second answer."""
    told = course(
        ("11-20 10:00", bought(lines=b.lines({LAMP: 1}, price=42_000))),
        ("11-20 11:00", b.planned({LAMP: 1})),
        ("11-20 12:00", b.packed({KAZOO: 1})),
        until="11-21 12:00",
        world=out_of_stock,
    )

    assert asked(told) == ["budget", "kind_needs_person"]
    assert mailed(told) == []


# ---------------------------------------------------------------------------- what is sent again


def test_more_missing_pieces_after_the_answer_replace_only_the_rest():
    """The station scans the box again: the first article is on its way already, the mail names both."""
    told = course(
        ("11-20 10:00", bought(LAMP, STOOL)),
        ("11-20 11:00", b.planned({LAMP: 1, STOOL: 1})),
        ("11-20 21:30", b.packed({KAZOO: 1, STOOL: 1})),
        ("11-20 22:30", b.packed({KAZOO: 1, GNOME: 1})),
        until="11-22 12:00",
    )
    [letter] = letters(told)

    assert sent_again(told) == [{LAMP: 1}, {STOOL: 1}]
    assert counts(letter.replacement_lines) == {LAMP: 1, STOOL: 1}
    assert counts(letter.missing_lines) == {LAMP: 1, STOOL: 1}


def test_a_lost_replacement_is_replaced_again_once_a_person_says_so():
    """Lost twice: the person's yes sends a third lamp, and not money alone."""
    told = course(
        *lost_at_once(),
        ("11-04 12:00", again(LAMP)),
        ("11-04 13:00", b.labelled(**AGAIN_PARCEL)),
        ("11-05 10:00", b.scanned("in_transit", **AGAIN_PARCEL)),
        ("11-06 10:00", b.scanned("exception", reason="lost", **AGAIN_PARCEL)),
        until="11-08 12:00",
        world=approving,
    )

    assert asked(told) == ["second_failure"]
    assert [(r.order_id, counts(r.lines)) for r in of(told, facts.ReplacementRequested)] == [
        (b.ORDER, {LAMP: 1}),
        (AGAIN, {LAMP: 1}),
    ]


def test_no_mail_names_a_day_for_a_parcel_known_to_be_lost():
    """Late, lost, and no replacement to be had: the mail must not say when the lost parcel comes."""
    told = course(
        *lost_at_once(),
        until="11-20 12:00",
        world=lambda decision: (
            approving(decision) if isinstance(decision, facts.ReviewRequested) else out_of_stock(decision)
        ),
    )

    assert [letter.arrives for letter in letters(told)] == [None]


@pytest.mark.parametrize(
    ("found", "report"),
    [
        ([("11-20 12:00", b.packed({KAZOO: 1, STOOL: 1}))], reported("wrong_item")),
        ([("11-22 12:00", b.scanned("exception", reason="damaged"))], reported("damaged")),
    ],
    ids=["wrong", "damaged"],
)
def test_a_report_of_what_a_scan_had_shown_adds_no_second_remedy(found, report):
    """We knew and had answered; the replacement's arrival does not turn the report into a new matter."""
    told = course(
        ("11-20 10:00", bought(LAMP, STOOL)),
        ("11-20 11:00", b.planned({LAMP: 1, STOOL: 1})),
        ("11-20 13:00", b.labelled()),
        ("11-21 12:00", b.scanned("in_transit")),
        *found,
        ("11-23 09:00", b.scanned("delivered")),
        ("11-23 10:00", report),
        *replacement_arrives(LAMP, placed="11-22 15:00"),
        until="12-05 12:00",
    )

    assert [kind for kind, _ in opened(told)] == [report.kind]
    assert len(sent_again(told)) == 1
    assert asked(told) == []


def test_a_report_after_the_replacement_arrived_sends_nothing_twice():
    """The customer speaks of the first box late: the lamp was sent, and one label is enough."""
    told = course(
        ("11-20 10:00", bought(LAMP, STOOL)),
        ("11-20 11:00", b.planned({LAMP: 1, STOOL: 1})),
        ("11-20 12:00", b.packed({KAZOO: 1, STOOL: 1})),
        ("11-20 13:00", b.labelled()),
        ("11-23 09:00", b.scanned("delivered")),
        *replacement_arrives(LAMP),
        ("11-25 10:00", reported("wrong_item", {LAMP: 1})),
        until="12-05 12:00",
    )

    assert sent_again(told) == [{LAMP: 1}]
    assert len(of(told, facts.ReturnLabelRequested)) == 1


def test_a_second_report_about_another_article_is_honored():
    """The lamp is missing in the morning, the stool in the afternoon: both are sent."""
    told = course(
        ("11-02 10:00", bought(LAMP, STOOL)),
        ("11-02 11:00", b.labelled()),
        ("11-04 10:00", b.scanned("delivered")),
        ("11-05 10:00", reported("missing_item", {LAMP: 1})),
        ("11-05 15:00", reported("missing_item", {STOOL: 1})),
        until="11-07 12:00",
    )

    assert sent_again(told) == [{LAMP: 1}, {STOOL: 1}]
    assert [counts(letter.replacement_lines) for letter in letters(told)] == [{LAMP: 1}, {STOOL: 1}]


# ---------------------------------------------------------------------------- what is late, and what is not


def relabeled():
    """Return one box with two labels, the second of which is delivered."""
    lamp = b.pack({LAMP: 1})
    return [
        ("11-20 10:00", bought(LAMP, promise="2026-11-24")),
        ("11-20 13:00", b.labelled(lines=lamp)),
        ("11-20 14:00", b.labelled(lines=lamp, **SECOND_PARCEL)),
        ("11-21 10:00", b.scanned("in_transit", **SECOND_PARCEL)),
        ("11-23 10:00", b.scanned("delivered", **SECOND_PARCEL)),
    ]


def scanned_under_its_former_number():
    """Return one box whose old label is scanned once more after it had a new one."""
    return [
        ("11-20 10:00", bought(LAMP, promise="2026-11-24")),
        ("11-20 13:00", b.labelled(tracking_number="1Z-OLD")),
        ("11-20 14:00", b.labelled()),
        ("11-20 15:00", b.scanned("pre_transit", shipment_id=None, tracking_number="1Z-OLD")),
        ("11-21 10:00", b.scanned("in_transit")),
        ("11-23 10:00", b.scanned("delivered")),
    ]


def half_called_off():
    """Return a split order whose second half is called off after its label was made."""
    gone = facts.OrderCanceled(order_id=b.ORDER, lines=b.pack({STOOL: 1}))
    return [
        ("11-02 10:00", bought(LAMP, STOOL, promise="2026-11-06")),
        ("11-02 10:30", b.planned({LAMP: 1})),
        ("11-02 10:30", b.planned({STOOL: 1}, fulfillment_id="FUL-2", shipment_id="PARCEL-2")),
        ("11-02 12:00", b.labelled()),
        ("11-02 12:00", b.labelled(**SECOND_PARCEL)),
        ("11-04 10:00", b.scanned("delivered")),
        ("11-04 12:00", gone),
    ]


@pytest.mark.parametrize("history", [relabeled, scanned_under_its_former_number, half_called_off])
def test_an_order_that_is_complete_is_never_called_late(history):
    """The customer has everything that is wanted, whatever other labels were printed."""
    assert opened(course(*history(), until="12-20 12:00")) == []


def test_a_plan_that_never_ships_is_late_at_the_promise():
    """One of two boxes arrived, and nobody has said what was in it: the order is not complete."""
    told = course(
        ("11-02 10:00", bought(LAMP, STOOL, promise="2026-11-06")),
        ("11-02 11:00", b.planned({LAMP: 1}, shipment_id=None)),
        ("11-02 11:00", b.planned({STOOL: 1}, fulfillment_id="FUL-2", shipment_id=None)),
        ("11-02 12:00", b.labelled()),
        ("11-04 10:00", b.scanned("delivered")),
        until="11-07 12:00",
    )

    assert opened_at(told, "late_delivery") == at("11-07 00:00")
    assert mailed(told) == ["late_delivery"]


@pytest.mark.parametrize(
    ("plan", "change", "box"),
    [
        ({LAMP: 2}, facts.OrderCanceled(order_id=b.ORDER, lines=b.pack({LAMP: 1})), {LAMP: 1}),
        (
            {LAMP: 2, STOOL: 1},
            facts.OrderCanceled(order_id=b.ORDER, lines=b.pack({STOOL: 1})),
            {LAMP: 2},
        ),
        ({LAMP: 2}, facts.OrderChanged(order_id=b.ORDER, lines=b.lines({GNOME: 1})), {GNOME: 1}),
    ],
    ids=["a-piece-less", "an-article-less", "another-article"],
)
def test_an_older_plan_accuses_nobody(plan, change, box):
    """The box holds what is wanted by now; the plan was made before."""
    told = course(
        ("11-20 10:00", bought(lines=b.lines(plan))),
        ("11-20 11:00", b.planned(plan)),
        ("11-20 11:30", change),
        ("11-20 12:00", b.packed(box)),
        until="11-21 12:00",
    )

    assert opened(told) == []
    assert sent_again(told) == []


def test_a_promise_for_today_is_doubted_when_half_of_the_time_is_gone():
    """Ordered at noon for tonight: no doubt at the moment of ordering, and at six there is."""
    told = course(("11-20 12:00", bought(LAMP, promise="2026-11-20")), until="11-20 20:00")

    assert opened_at(told, "at_risk") == at("11-20 18:00")


def test_what_is_made_to_order_is_not_called_never_handed_over():
    """Weeks are left to the promise, and nobody named a day of shipping."""
    told = course(("11-02 10:00", bought(LAMP, promise="2026-12-31")), until="11-20 12:00")

    assert opened(told) == []


def test_an_hour_promise_is_named_by_the_customers_own_day():
    """Ten at night in New York is the next day in Greenwich, and the letter speaks to New York."""
    told = course(
        ("11-20 10:15", bought(LAMP, promise="2026-11-24T22:00:00-05:00")),
        ("11-20 13:00", b.labelled()),
        ("11-24 10:00", b.scanned("in_transit")),
        until="11-25 12:00",
    )

    assert [letter.promised_by for letter in letters(told)] == [date(2026, 11, 24)]


def test_an_hour_promise_moves_with_the_customer():
    """The same hour is another day in Berlin, where the customer was when the order came in."""
    berlin = b.customer(time_zone="Europe/Berlin")
    told = course(
        ("11-20 10:15", bought(LAMP, promise="2026-11-24T22:00:00-05:00", customer=berlin)),
        ("11-20 11:00", facts.OrderChanged(order_id=b.ORDER, customer=b.customer())),
        ("11-20 13:00", b.labelled()),
        ("11-24 10:00", b.scanned("in_transit")),
        until="11-25 12:00",
    )

    assert [letter.promised_by for letter in letters(told)] == [date(2026, 11, 24)]


def test_a_range_that_we_named_before_the_shops_promise_is_watched():
    """Our mail said the 19th, the shop had said December 10th: our own word is broken on the 20th."""
    told = course(
        ("11-02 10:00", bought(LAMP, promise="2026-12-10")),
        ("11-02 12:00", b.labelled()),
        ("11-03 10:00", b.scanned("in_transit")),
        *((f"11-{day} 10:00", b.scanned("in_transit")) for day in (10, 13, 17)),
        until="11-20 06:00",
    )

    assert [letter.arrives.by for letter in letters(told)] == [date(2026, 11, 19)]
    assert opened_at(told, "late_delivery") == at("11-20 00:00")


# ---------------------------------------------------------------------------- two boxes, one customer


def test_two_wrong_boxes_share_one_label_and_one_note():
    """Two replacements, one label for whatever goes back, and a single follow-up."""
    told = course(
        *two_wrong_boxes("11-20 12:00", "11-20 12:01"),
        *replacement_arrives(LAMP),
        *replacement_arrives(
            STOOL,
            delivered="11-24 16:00",
            order_id=f"{AGAIN}-2",
            shipment_id="PARCEL-AGAIN-2",
            tracking_number="1Z-AGAIN-2",
        ),
        until="12-20 12:00",
    )

    assert len(of(told, facts.ReturnLabelRequested)) == 1
    assert sent_again(told) == [{LAMP: 1}, {STOOL: 1}]
    assert mailed(told).count("return_follow_up") == 1


def test_a_letter_about_two_wrong_boxes_lists_all_that_is_sent_again():
    """Found at night, told in the morning in one letter."""
    told = course(*two_wrong_boxes("11-20 22:00", "11-20 22:01"), until="11-21 12:00")
    [letter] = letters(told)

    assert counts(letter.replacement_lines) == {LAMP: 1, STOOL: 1}
    assert counts(letter.wrong_lines) == {KAZOO: 1, GNOME: 1}
    assert letter.label_id is not None


# ---------------------------------------------------------------------------- the note about the label


def wrong_box_delivered():
    """Return what makes the note due: the wrong box is with the customer."""
    return [("11-23 13:00", b.scanned("delivered"))]


def wrong_box_lost():
    """Return a wrong box that nobody can send back."""
    return [("11-22 13:00", b.scanned("exception", reason="lost"))]


def wrong_box_returning():
    """Return a wrong box that is on its way back already."""
    return [("11-22 13:00", b.scanned("return_to_sender", reason="refused"))]


@pytest.mark.parametrize(
    ("fate", "notes"), [(wrong_box_delivered, 1), (wrong_box_lost, 0), (wrong_box_returning, 0)]
)
def test_the_note_about_the_label_is_for_boxes_that_can_come_back(fate, notes):
    """A box that never reached the customer is not asked for."""
    told = course(*one_wrong_box(), *fate(), *replacement_arrives(LAMP), until="12-20 12:00")

    assert mailed(told).count("return_follow_up") == notes


def test_no_note_goes_out_while_a_person_decides():
    """Another parcel of the order is at a person's desk: nobody is asked to walk to the post office."""
    told = course(
        ("11-20 10:00", bought(LAMP, STOOL)),
        ("11-20 11:00", b.planned({LAMP: 1})),
        ("11-20 11:00", b.planned({STOOL: 1}, fulfillment_id="FUL-2", shipment_id="PARCEL-2")),
        ("11-20 12:00", b.packed({KAZOO: 1})),
        ("11-20 13:00", b.labelled()),
        ("11-20 13:00", b.labelled(**SECOND_PARCEL)),
        ("11-21 09:00", b.scanned("delivered")),
        ("11-21 09:00", b.scanned("in_transit", **SECOND_PARCEL)),
        *replacement_arrives(LAMP),
        ("11-27 15:00", b.scanned("return_to_sender", reason="refused", **SECOND_PARCEL)),
        until="12-05 18:00",
        policy=PATIENT,
    )

    assert asked(told) == ["kind_needs_person"]
    assert "return_follow_up" not in mailed(told)


def test_a_note_that_waits_at_the_relay_is_taken_back_once_the_return_is_seen():
    """The customer did it: the note that is still with us is withdrawn."""
    seen = facts.ReturnCheckpoint(order_id=b.ORDER, return_id="not-named", status="in_transit")
    told = course(
        *one_wrong_box(),
        *wrong_box_delivered(),
        *replacement_arrives(LAMP),
        ("11-30 16:00", seen),
        until="12-05 12:00",
        world=notes_wait,
    )

    assert [(w.template, w.reason, w.queued) for w in of(told, facts.MessageWithdrawn)] == [
        ("return_follow_up", "cleared", True)
    ]


# ---------------------------------------------------------------------------- one history, many decisions


def test_a_replacement_that_recovers_says_so():
    """Trouble came and went: the order that waits for it hears of both."""
    told = course(
        *lost_at_once(),
        ("11-04 12:00", again(LAMP)),
        ("11-04 13:00", b.labelled(**AGAIN_PARCEL)),
        ("11-05 10:00", b.scanned("in_transit", **AGAIN_PARCEL)),
        ("11-06 10:00", b.scanned("attempt_failed", **AGAIN_PARCEL)),
        ("11-06 12:00", b.scanned("in_transit", **AGAIN_PARCEL)),
        until="11-06 18:00",
    )

    assert [progress.status for progress in of(told, facts.ReplacementProgressed)] == [
        "placed",
        "shipped",
        "in_trouble",
        "recovered",
    ]


def test_a_mail_that_is_held_twice_for_the_same_reason_is_two_decisions():
    """The night, a graver mail in between that turns out to be a mistake, and the night again."""
    told = course(
        ("11-02 10:00", bought(LAMP, STOOL)),
        ("11-02 10:30", b.planned({LAMP: 1, STOOL: 1})),
        ("11-02 11:00", b.labelled()),
        ("11-04 18:10", b.scanned("attempt_failed")),
        ("11-04 21:30", b.packed({KAZOO: 1, STOOL: 1})),
        ("11-04 21:45", b.packed({LAMP: 1, STOOL: 1})),
        until="11-06 12:00",
    )
    held = [(h.template, h.reason) for h in of(told, facts.MessageHeld)]
    ids = [one.decision.decision_id for one in told]

    assert held.count(("delivery_failed", "quiet_hours")) == 2
    assert len(set(ids)) == len(ids)
