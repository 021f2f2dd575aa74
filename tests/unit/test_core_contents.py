"""What is in the boxes against what was meant to be in them."""

from __future__ import annotations

import pytest

from streams.core import events as facts
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
BOUGHT = {"MARKERS-BLUE": 2, "PLUSH-LAMP": 1}


def opened(*more, bought=BOUGHT):
    """Return the contents exceptions of an order after these facts: kind, what is missing, what is extra."""
    events = [b.event(b.placed(bought=bought, promise=None)), *(b.event(fact) for fact in more)]
    done = b.fold(POLICY, *events)
    return [
        (t.kind, *({p.sku: p.quantity for p in counts} for counts in (t.missing, t.extra)))
        for t in (done.order.case.troubles if done.order.case else ())
        if t.cleared_at is None
    ]


def box(counts, number=1):
    """Return the packing scan of a box."""
    return b.packed(counts, shipment_id=f"P{number}")


def plan(counts, number=1, **more):
    """Return the plan of a box."""
    return b.planned(counts, fulfillment_id=f"F{number}", shipment_id=f"P{number}", **more)


@pytest.mark.parametrize(
    ("scanned", "expected"),
    [
        (BOUGHT, []),
        ({"MARKERS-BLUE": 2, "MARKERS-RED": 1}, [("wrong_item", {"PLUSH-LAMP": 1}, {"MARKERS-RED": 1})]),
        ({"MARKERS-BLUE": 1, "PLUSH-LAMP": 1}, [("short_shipment", {"MARKERS-BLUE": 1}, {})]),
        ({"MARKERS-BLUE": 3, "PLUSH-LAMP": 1}, [("over_shipment", {}, {"MARKERS-BLUE": 1})]),
        ({}, [("short_shipment", BOUGHT, {})]),
    ],
    ids=["right", "swapped", "short", "over", "empty"],
)
def test_a_scan_is_compared_with_the_plan_of_its_box(scanned, expected):
    """Swapped is wrong, less is short, more is over."""
    assert opened(plan(BOUGHT), box(scanned)) == expected


def test_a_piece_in_the_other_box_is_not_missing():
    """Two boxes of one order: only what moved between them differs."""
    plans = plan({"MARKERS-BLUE": 2}), plan({"PLUSH-LAMP": 1}, 2)
    moved = box({"MARKERS-BLUE": 1}), box({"PLUSH-LAMP": 1, "MARKERS-BLUE": 1}, 2)

    assert opened(*plans, *moved) == []


def test_a_split_shipment_is_not_short():
    """The second box is planned and not packed yet."""
    assert opened(plan({"MARKERS-BLUE": 2}), plan({"PLUSH-LAMP": 1}, 2), box({"MARKERS-BLUE": 2})) == []


def test_without_a_plan_only_foreign_pieces_are_certain():
    """Another box may hold the rest; what nobody bought is wrong in any."""
    assert opened(box({"MARKERS-BLUE": 1})) == []
    assert opened(box({"MARKERS-BLUE": 1, "MARKERS-RED": 1})) == [
        ("wrong_item", {"MARKERS-BLUE": 1, "PLUSH-LAMP": 1}, {"MARKERS-RED": 1})
    ]


def test_the_labels_lines_stand_in_for_a_plan():
    """A shop without fulfillments says on the label what is in the parcel."""
    label = b.labelled(shipment_id="P1", lines=b.pack(BOUGHT))

    assert opened(label, box({"MARKERS-BLUE": 2})) == [("short_shipment", {"PLUSH-LAMP": 1}, {})]


def test_a_plan_without_a_box_belongs_to_the_only_one():
    """The fulfillment names no shipment, and there is one."""
    loose = b.planned(BOUGHT, fulfillment_id="F1", shipment_id=None)

    assert opened(loose, box({"MARKERS-BLUE": 2})) == [("short_shipment", {"PLUSH-LAMP": 1}, {})]


def test_a_second_plan_ships_what_was_short():
    """The shop has seen it and sends the lamp again: nothing is missing any more."""
    again = plan({"PLUSH-LAMP": 1}, 2)

    assert opened(plan(BOUGHT), box({"MARKERS-BLUE": 2}), again) == []


def test_a_box_that_splits_by_count_is_added_up():
    """The station scans piece by piece."""
    pieces = facts.ShipmentPacked(
        order_id=b.ORDER,
        shipment_id="P1",
        lines=(*b.pack({"MARKERS-BLUE": 1}), *b.pack({"PLUSH-LAMP": 1}), *b.pack({"MARKERS-BLUE": 1})),
    )

    assert opened(plan(BOUGHT), pieces) == []


def test_a_canceled_order_has_no_wrong_contents():
    """Nobody waits for it."""
    assert opened(plan(BOUGHT), box({}), facts.OrderCanceled(order_id=b.ORDER)) == []
