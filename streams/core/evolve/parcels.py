"""One parcel: found under any of its names, and derived from its scans in the order of their own times."""

from __future__ import annotations

from datetime import datetime

from streams.core.order import Checkpoint, Order, Shipment

_RANK = {
    "unknown": 0,
    "pre_transit": 1,
    "expired": 2,
    "in_transit": 3,
    "exception": 4,
    "out_for_delivery": 5,
    "attempt_failed": 6,
    "available_for_pickup": 7,
    "delivered": 8,
    "return_to_sender": 9,
}
NO_MOVEMENT = frozenset({"unknown", "pre_transit", "expired"})


def own(order: Order, shipment_id: str | None, tracking_number: str | None) -> tuple[Shipment, bool]:
    """Return a private copy of a shipment, found by id or tracking number or made, and put it in place.

    True beside it: the order has other boxes now. One has come, has got another name, or was two.
    """
    shipments = order.shipments
    if len(shipments) == 1:  # most orders are one parcel: found at once, nothing to sort
        known = shipments[0]
        if (
            known.shipment_id == shipment_id
            if shipment_id is not None
            else known.tracking_number == tracking_number
        ):
            mine: Shipment = known.__copy__()  # type: ignore[attr-defined]  # as in evolve
            order.shipments = (mine,)
            return mine, False
    found = [known for known in shipments if _is_called(known, shipment_id, tracking_number)]
    if not found:
        mine = Shipment(shipment_id=shipment_id or tracking_number or "1", tracking_number=tracking_number)
        order.shipments = tuple(sorted((*shipments, mine), key=lambda s: s.shipment_id))
        return mine, True
    mine = found[0].__copy__()  # type: ignore[attr-defined]  # as in evolve
    if shipment_id is None or (len(found) == 1 and mine.shipment_id == shipment_id):
        order.shipments = tuple([mine if known is found[0] else known for known in shipments])
        return mine, False
    mine.shipment_id = shipment_id
    for other in found[1:]:
        _merge(mine, other)
    others = (known for known in shipments if all(known is not one for one in found))
    order.shipments = tuple(sorted((*others, mine), key=lambda s: s.shipment_id))
    return mine, True


def _is_called(known: Shipment, shipment_id: str | None, tracking_number: str | None) -> bool:
    """True when a parcel has this id, or has or had this tracking number."""
    if shipment_id is not None and known.shipment_id == shipment_id:
        return True
    return tracking_number is not None and (
        known.tracking_number == tracking_number or tracking_number in known.former_numbers
    )


def _merge(mine: Shipment, other: Shipment) -> None:
    """Take what was known of the same parcel under another name: scans may come before the label that ties them."""
    mine.carrier = mine.carrier or other.carrier
    mine.tracking_number = mine.tracking_number or other.tracking_number
    mine.lines = mine.lines if mine.lines is not None else other.lines
    mine.packing = mine.packing or other.packing
    if other.weight_g is not None and (
        mine.weight_g is None or (other.weight_g, other.weighed_by) < (mine.weight_g, mine.weighed_by)
    ):
        mine.weight_g, mine.weighed_by = other.weight_g, other.weighed_by
    if mine.created_at is None:
        mine.created_at, mine.created_event = other.created_at, other.created_event
    mine.checkpoints = tuple(sorted((*mine.checkpoints, *other.checkpoints), key=scan_order))
    settle(mine)


def settle(shipment: Shipment) -> None:
    """Derive where a parcel is from all its scans in the order of their own times.

    A ``delivered`` scan behind a ``return_to_sender`` is the parcel's arrival back at the shop, not at
    the customer: carriers use the same word for both.
    """
    shipment.status = "pre_transit"
    shipment.handed_over_at = shipment.last_scan_at = shipment.delivered_at = None
    shipment.returning = shipment.lost = shipment.damaged = None
    shipment.estimate = None
    shipment.estimate_event = ""
    for scan in shipment.checkpoints:
        move_on(shipment, scan)


def move_on(shipment: Shipment, scan: Checkpoint) -> None:
    """Move a parcel on by the next scan in time."""
    if scan.estimate is not None:
        shipment.estimate = scan.estimate
        shipment.estimate_event = scan.event_id
    status = scan.status
    if status not in NO_MOVEMENT:
        shipment.last_scan_at = scan.occurred_at
        if shipment.handed_over_at is None:
            shipment.handed_over_at = scan.occurred_at
        if scan.reason == "lost":
            shipment.lost = scan
        elif shipment.lost is not None:
            shipment.lost = None
    if scan.reason == "damaged" and shipment.damaged is None:
        shipment.damaged = scan
    if shipment.delivered_at is not None or shipment.returning is not None:
        return
    if status == "delivered":
        shipment.delivered_at = scan.occurred_at
        shipment.status = status
    elif status == "return_to_sender":
        shipment.returning = scan
        shipment.status = status
    elif status != "unknown":
        shipment.status = status


def scan_order(scan: Checkpoint) -> tuple[datetime, int, str]:
    """Return what scans of one parcel are sorted by: at one moment the farther status is the later one."""
    return scan.occurred_at, _RANK[scan.status], scan.event_id
