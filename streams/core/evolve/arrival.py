"""What follows from plans, boxes and parcels: is all there, is it the right thing, what may be wrong at all."""

from __future__ import annotations

from datetime import datetime

from streams.core.contents import differences
from streams.core.detector import (
    ATTEMPT_FAILED,
    DAMAGED,
    DIFFERS,
    MIXED_UP,
    REPORTED,
    RETURNING,
    UNDER_WAY,
    WEIGHED,
    WORD_GIVEN,
)
from streams.core.order import Order, Shipment


def read_signs(order: Order) -> int:
    """Return what may be wrong at all, as :mod:`streams.core.detector` bits: most orders need few looks."""
    signs = 0
    if order.placed_at is None or order.canceled_at is not None:
        return signs
    if order.arrived_at is None:
        signs |= UNDER_WAY
    if order.differences:
        signs |= DIFFERS
    if order.reports:
        signs |= REPORTED
    if order.replacement_word is not None:
        signs |= WORD_GIVEN
    if order.mix_ups:
        signs |= MIXED_UP
    for shipment in order.shipments:
        packing = shipment.packing
        if shipment.weight_g is not None or (packing is not None and packing.weight_g is not None):
            signs |= WEIGHED
        if shipment.damaged is not None:
            signs |= DAMAGED
        if shipment.returning is not None:
            signs |= RETURNING
        elif shipment.status == "attempt_failed":
            signs |= ATTEMPT_FAILED
    return signs


def arrive(order: Order) -> None:
    """Derive what follows from plans, boxes and parcels: whether all is there, and whether it is the right thing."""
    order.canceled_at = order.called_off_at
    if order.called_off_at is None and order.canceled and order.lines and not order.wanted():
        order.canceled_at = order.lines_as_of[0] if order.lines_as_of is not None else order.placed_at
    order.differences = differences(order)
    derive_arrival(order)


def derive_arrival(order: Order) -> None:
    """Derive whether the customer has everything: every parcel there, and every wanted piece in one of them."""
    order.arrived_at = None
    order.awaits_pickup = False
    if order.placed_at is None:
        return
    latest: datetime | None = None
    waiting = elsewhere = False
    there = []
    case = order.case
    for shipment in order.shipments:
        at = shipment.delivered_at
        if at is None and case is not None:
            at = order.made_good(shipment.shipment_id)
        if at is not None:
            there.append(shipment)
            latest = at if latest is None or at > latest else latest
        elif shipment.status == "available_for_pickup":
            waiting = True
            there.append(shipment)
        else:
            elsewhere = True
    if (latest is None and not waiting) or not _all_pieces(order, there, elsewhere=elsewhere):
        return
    if waiting:
        order.awaits_pickup = True
    else:
        order.arrived_at = latest


def _all_pieces(order: Order, there: list[Shipment], *, elsewhere: bool) -> bool:
    """True when the parcels that are there hold all that is wanted.

    While another parcel is still ``elsewhere`` (a second label for one box, a canceled half), only known
    contents count. Where nobody has said what is in a box, a parcel for every plan is everything.
    """
    if not elsewhere and not order.fulfillments and all(s.lines is None and s.packing is None for s in there):
        return True
    have: dict[str, int] = {}
    for shipment in there:
        expected = order.expected_in(shipment)
        if (
            expected is None
            and order.made_good(shipment.shipment_id) is None
            and shipment.packing is not None
        ):
            expected = shipment.packing.lines
        if expected is None:
            return not elsewhere and len(order.fulfillments) <= len(there)
        for line in expected:
            have[line.sku] = have.get(line.sku, 0) + line.quantity
    wanted = order.wanted()
    if elsewhere and not wanted:
        return False
    return all(have.get(sku, 0) >= count for sku, count in wanted.items())
