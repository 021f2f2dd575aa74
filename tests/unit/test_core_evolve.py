"""What each fact does to an order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import blake2b

import pytest

from streams.core import events as facts
from streams.core.evolve import evolve
from streams.core.ids import MARK, fingerprint, has_seen
from streams.core.order import MAX_CHECKPOINTS, MAX_SEEN, new_order
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()


def known(*events):
    """Return an order after these events, whatever the detectors think of it."""
    order = new_order(b.ORDER)
    for one in events:
        order = evolve(order, one, POLICY)
    return order


def scan(status, hours, **more):
    """Return a scan so many hours after the order."""
    return b.event(b.scanned(status, **more), b.FRIDAY + hours * b.HOUR)


def statuses(order):
    """Return the scans of the first parcel as kept."""
    return [one.status for one in order.shipments[0].checkpoints]


# ---------------------------------------------------------------------------- orders


def test_a_change_stands_above_an_order_that_is_heard_of_later():
    """The customer moved after ordering; the order itself comes to us last."""
    moved = facts.OrderChanged(order_id=b.ORDER, customer=b.customer(email="new@example.com"))
    order = known(b.event(moved, b.FRIDAY + b.HOUR), b.event(b.placed(), b.FRIDAY))

    assert order.customer.email == "new@example.com"
    assert order.lines == b.placed().lines


def test_two_changes_of_different_parts_both_stand():
    """An older change of the lines is not lost because the address was changed since."""
    lines = facts.OrderChanged(order_id=b.ORDER, lines=b.lines({"PLUSH-LAMP": 2}))
    moved = facts.OrderChanged(order_id=b.ORDER, customer=b.customer(email="new@example.com"))
    order = known(
        b.event(b.placed()), b.event(moved, b.FRIDAY + 2 * b.HOUR), b.event(lines, b.FRIDAY + b.HOUR)
    )

    assert (order.customer.email, order.wanted()) == ("new@example.com", {"PLUSH-LAMP": 2})


@pytest.mark.parametrize("cancel_first", [True, False])
def test_an_order_of_which_every_piece_is_canceled_is_canceled(cancel_first):
    """Whether we hear of the cancelation before the order or behind it."""
    gone = facts.OrderCanceled(order_id=b.ORDER, lines=b.pack({"MARKERS-BLUE": 1}))
    both = [b.event(b.placed()), b.event(gone, b.FRIDAY + b.HOUR)]
    order = known(*(reversed(both) if cancel_first else both))

    assert order.canceled_at is not None
    assert order.signs == 0


def test_an_order_that_grows_again_is_no_longer_canceled():
    """Every piece was canceled, then the customer wanted something else."""
    gone = facts.OrderCanceled(order_id=b.ORDER, lines=b.pack({"MARKERS-BLUE": 1}))
    more = facts.OrderChanged(order_id=b.ORDER, lines=b.lines({"MARKERS-BLUE": 1, "PLUSH-LAMP": 1}))
    order = known(b.event(b.placed()), b.event(gone), b.event(more, b.FRIDAY + b.HOUR))

    assert order.canceled_at is None
    assert order.wanted() == {"PLUSH-LAMP": 1}


def test_the_word_of_staff_stands_above_the_shops():
    """A revision that the customer was told of is the promise, also when the order is heard of later."""
    told = facts.PromiseRevised(
        order_id=b.ORDER, promise=facts.PromiseWindow(by="2026-11-27"), told_customer=True
    )
    order = known(b.event(told, b.FRIDAY + b.HOUR), b.event(b.placed()))

    assert (order.promise.by, order.promise.told_by) == (date(2026, 11, 27), "staff")


def test_the_later_revision_stands():
    """Two revisions that overtake each other: what was said last is the promise."""
    first, last = (
        facts.PromiseRevised(order_id=b.ORDER, promise=facts.PromiseWindow(by=by), told_customer=True)
        for by in ("2026-11-27", "2026-11-30")
    )
    order = known(
        b.event(b.placed()), b.event(last, b.FRIDAY + 2 * b.HOUR), b.event(first, b.FRIDAY + b.HOUR)
    )

    assert order.promise.by == date(2026, 11, 30)


def test_a_revision_that_nobody_told_the_customer_is_no_promise():
    """The shop's plans are its own."""
    quiet = facts.PromiseRevised(
        order_id=b.ORDER, promise=facts.PromiseWindow(by="2026-11-30"), told_customer=False
    )
    order = known(b.event(b.placed()), b.event(quiet))

    assert order.promise.by == date(2026, 11, 24)


def test_a_day_ends_with_the_customers_clock():
    """A promise for the 24th is broken at midnight in Berlin, not in New York or Greenwich."""
    order = known(b.event(b.placed(customer=b.customer(time_zone="Europe/Berlin"))))

    assert order.promise.ends_at == datetime(2026, 11, 24, 23, 0, tzinfo=UTC)


def test_days_named_before_the_zone_was_known_move_to_it():
    """A scan and a payment come before the order: their days are the customer's, too."""
    early = scan("in_transit", 1, estimated_delivery="2026-11-24")
    paid = b.event(facts.PaymentApproved(order_id=b.ORDER, ship_by="2026-11-23"))
    order = known(early, paid, b.event(b.placed(customer=b.customer(time_zone="Europe/Berlin"))))

    assert order.shipments[0].estimate == datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
    assert order.ship_by == datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


def test_a_ship_by_of_the_payment_stands_above_the_orders():
    """The shop knows better once the money is there, and best the last time it said so."""
    first, last = (
        facts.PaymentApproved(order_id=b.ORDER, ship_by=day) for day in ("2026-11-25", "2026-11-27")
    )
    order = known(
        b.event(last, b.FRIDAY + b.HOUR), b.event(first, b.FRIDAY), b.event(b.placed(ship_by="2026-11-23"))
    )

    assert order.ship_by_day == date(2026, 11, 27)


def test_an_order_remembers_so_many_events_and_no_more():
    """Memory is bounded: the oldest fingerprint goes first."""
    reports = [b.event(facts.ChoiceMade(order_id=b.ORDER, case_id="c", choice="x")) for _ in range(MAX_SEEN)]
    full = known(*reports)
    more = evolve(full, b.event(b.placed()), POLICY)

    assert len(full.seen) == len(more.seen) == MAX_SEEN * MARK
    assert full.seen[MARK:] == more.seen[:-MARK]


def test_a_fingerprint_across_two_others_is_not_known():
    """Fingerprints stand one behind the other; what lies between two of them was never an event."""
    seen = bytes(range(3 * MARK))

    assert has_seen(seen, seen[MARK : 2 * MARK])
    assert has_seen(seen, seen[2 * MARK :])
    assert not has_seen(seen, seen[MARK // 2 : MARK + MARK // 2])
    assert not has_seen(seen, bytes(MARK))
    assert has_seen(b"-" * (MARK // 2) + bytes(MARK + MARK // 2), bytes(MARK))
    assert not has_seen(b"", bytes(MARK))


def test_a_fingerprint_is_the_hash_of_source_and_id():
    """Snapshots hold them: whatever makes them faster, they stay the same, for any number of sources."""
    for number in range(300):
        name = f"shop/{number}"
        plain = blake2b(f"{name}\x1fevt-1".encode(), digest_size=MARK).digest()

        assert fingerprint(name, "evt-1") == fingerprint(name, "evt-1") == plain


# ---------------------------------------------------------------------------- parcels


def test_a_parcel_that_gets_another_name_leaves_its_plan_behind():
    """What is wrong in a box is said of the box by the name that it has now."""
    order = known(
        b.event(b.placed()),
        b.event(b.planned()),
        b.event(b.packed({"ODD-SOCK": 1})),
        b.event(b.labelled()),
        scan("in_transit", 1, shipment_id="PARCEL-A"),
    )

    assert [box.shipment_id for box in order.shipments] == ["PARCEL-A"]
    assert [box.shipment_id for box in order.differences] == ["PARCEL-A"]


def test_scans_are_kept_in_the_order_of_their_own_times():
    """A scan that is reported late falls into its place, and the last one says where the parcel is."""
    order = known(
        b.event(b.placed()), scan("out_for_delivery", 9), scan("in_transit", 3), scan("delivered", 12)
    )

    assert statuses(order) == ["in_transit", "out_for_delivery", "delivered"]
    assert order.shipments[0].handed_over_at == b.FRIDAY + 3 * b.HOUR
    assert order.arrived_at == b.FRIDAY + 12 * b.HOUR


def test_a_delivered_parcel_stays_delivered():
    """Carriers send scans of the depot after the delivery."""
    order = known(b.event(b.placed()), scan("delivered", 5), scan("in_transit", 8))

    assert order.shipments[0].status == "delivered"
    assert order.arrived_at == b.FRIDAY + 5 * b.HOUR


def test_delivered_behind_a_return_is_the_arrival_at_our_dock():
    """The same word of the carrier, and the customer has nothing."""
    order = known(b.event(b.placed()), scan("return_to_sender", 5), scan("delivered", 30))

    assert order.shipments[0].status == "return_to_sender"
    assert (order.shipments[0].delivered_at, order.arrived_at) == (None, None)


def test_a_label_is_no_movement():
    """Neither is an expired tracking number, nor a word that nobody understands."""
    order = known(b.event(b.placed()), *(scan(s, 5) for s in ("pre_transit", "expired", "unknown")))

    assert order.shipments[0].handed_over_at is None


def test_a_lost_parcel_that_is_scanned_again_is_not_lost():
    """It turned up after all."""
    order = known(b.event(b.placed()), scan("exception", 5, reason="lost"), scan("in_transit", 9))

    assert order.shipments[0].lost is None


def test_damage_does_not_heal():
    """Later scans say nothing about the contents."""
    order = known(b.event(b.placed()), scan("exception", 5, reason="damaged"), scan("delivered", 9))

    assert order.shipments[0].damaged is not None


def test_the_first_scan_survives_a_chatty_carrier():
    """Of a parcel with more scans than we keep, the first and the last are there."""
    scans = [scan("in_transit", hour) for hour in range(MAX_CHECKPOINTS + 5)]
    shipment = known(b.event(b.placed()), *scans).shipments[0]

    assert len(shipment.checkpoints) == MAX_CHECKPOINTS
    assert shipment.checkpoints[0].event_id == scans[0].id
    assert shipment.checkpoints[-1].event_id == scans[-1].id
    assert shipment.handed_over_at == scans[0].occurred_at


def test_a_scan_before_its_label_belongs_to_the_planned_box():
    """The plan names the box, the scan its tracking number, and the label says that they are one parcel."""
    planned, packed = b.event(b.planned()), b.event(b.packed({"MARKERS-RED": 1}))
    early = scan("delivered", 9, shipment_id=None)
    order = known(b.event(b.placed()), planned, packed, early, b.event(b.labelled()))

    assert [(s.shipment_id, s.status) for s in order.shipments] == [(b.PARCEL, "delivered")]
    assert [box.extra for box in order.differences] == [b.pack({"MARKERS-RED": 1})]


def test_the_last_packing_scan_of_a_box_counts():
    """The station corrected itself; the correction came to us first."""
    wrong = b.event(b.packed({"MARKERS-RED": 1}), b.FRIDAY + b.HOUR)
    right = b.event(b.packed({"MARKERS-BLUE": 1}), b.FRIDAY + 2 * b.HOUR)
    order = known(b.event(b.placed()), b.event(b.planned()), right, wrong)

    assert order.differences == ()


def test_an_order_arrives_with_its_last_parcel():
    """Two boxes: one at the door is not the order."""
    two = [
        b.event(b.planned({sku: 1}, fulfillment_id=f"F{n}", shipment_id=f"P{n}"))
        for n, sku in enumerate(("MARKERS-BLUE", "PLUSH-LAMP"))
    ]
    placed = b.event(b.placed(bought={"MARKERS-BLUE": 1, "PLUSH-LAMP": 1}))
    first = scan("delivered", 5, shipment_id="P0", tracking_number="T0")
    last = scan("delivered", 9, shipment_id="P1", tracking_number="T1")

    assert known(placed, *two, first).arrived_at is None
    assert known(placed, *two, last, first).arrived_at == b.FRIDAY + 9 * b.HOUR


def test_an_order_whose_rest_was_never_shipped_has_not_arrived():
    """The only parcel is there, and it was planned without the lamp."""
    placed = b.event(b.placed(bought={"MARKERS-BLUE": 1, "PLUSH-LAMP": 1}))
    order = known(placed, b.event(b.planned()), scan("delivered", 5))

    assert order.arrived_at is None


def test_a_parcel_that_waits_for_pickup_is_with_the_customer():
    """It is theirs to fetch: not late any more, and not there yet."""
    order = known(b.event(b.placed()), scan("available_for_pickup", 5))

    assert (order.awaits_pickup, order.arrived_at) == (True, None)


# ---------------------------------------------------------------------------- what came of it


@pytest.fixture
def late():
    """An order that is a day late, its mail queued."""
    done = b.fold(POLICY, b.event(b.placed()), b.silence(datetime(2026, 11, 25, 16, 0, tzinfo=UTC)))
    done = b.fold(POLICY, b.silence(datetime(2026, 11, 26, 16, 0, tzinfo=UTC)), order=done.order)
    (queued,) = [d for d in done.decisions if isinstance(d, facts.MessageQueued)]
    return done.order, queued


def outcome(kind, queued):
    """Return what became of a mail."""
    fact = kind(
        order_id=queued.order_id,
        message_id=queued.message_id,
        case_id=queued.case_id,
        template=queued.template,
        locale=queued.locale,
        to_hash=queued.to_hash,
    )
    return b.event(fact, b.FRIDAY + 7 * b.DAY)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (facts.MessageAccepted, True),
        (facts.MessageInDoubt, True),
        (facts.MessageRefused, False),
        (facts.MessageDeferred, False),
    ],
)
def test_a_range_becomes_our_word_when_the_mail_may_have_been_read(late, kind, given):
    """Accepted is said; in doubt may have been said; refused and deferred were not."""
    order, queued = late
    after = evolve(order, outcome(kind, queued), POLICY)

    assert queued.letter.arrives is not None
    assert (after.word.by if after.word else None) == (queued.letter.arrives.by if given else None)


def test_what_was_accepted_is_not_undone_by_a_late_answer(late):
    """Only a bounce says more than the relay's yes."""
    order, queued = late
    accepted = evolve(order, outcome(facts.MessageAccepted, queued), POLICY)
    deferred = evolve(accepted, outcome(facts.MessageDeferred, queued), POLICY)
    bounced = evolve(deferred, outcome(facts.MessageBounced, queued), POLICY)

    assert [o.case.messages[0].status for o in (accepted, deferred, bounced)] == [
        "accepted",
        "accepted",
        "bounced",
    ]


def test_a_replacement_that_staff_placed_counts_too():
    """Nobody asked us for it, and it arrives all the same."""
    news = facts.ReplacementProgressed(
        order_id=b.ORDER, decision_id="dec_1", replacement_order_id="CRUNCHY-2", status="delivered"
    )
    order = known(b.event(b.placed()), b.event(news))
    (replacement,) = order.case.replacements

    assert (replacement.order_id, replacement.status) == ("CRUNCHY-2", "delivered")
    assert replacement.delivered_at is not None
