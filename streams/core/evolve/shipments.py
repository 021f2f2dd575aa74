"""Boxes and parcels: what the shop means to ship, what it packed and labelled, and what carriers scan."""

from __future__ import annotations

from bisect import bisect_left

from streams.core import events as facts
from streams.core.contents import box_digest
from streams.core.detector import A_BOX, A_SCAN, ANYTHING
from streams.core.events import Event
from streams.core.evolve.arrival import arrive, derive_arrival
from streams.core.evolve.orders import deadline
from streams.core.evolve.parcels import move_on, own, scan_order, settle
from streams.core.order import (
    MAX_CHECKPOINTS,
    Checkpoint,
    Fulfillment,
    MixUp,
    Order,
    Packing,
    Shipment,
    pieces,
)
from streams.core.policy import Policy

_ORDINARY = frozenset({"in_transit", "out_for_delivery", "pre_transit", "unknown"})


def fulfilled(order: Order, event: Event, fact: facts.FulfillmentCreated, _policy: Policy) -> int:
    """Note a plan for a box, and the box when the plan names one."""
    number = fact.tracking_number
    shipment_id = fact.shipment_id or (fact.fulfillment_id if number else None)
    made = Fulfillment(fact.fulfillment_id, pieces(fact.lines), shipment_id, event.id, event.occurred_at)
    order.fulfillments = _planned(order.fulfillments, made) if order.fulfillments else (made,)
    if shipment_id is not None:
        shipment, _ = own(order, shipment_id, number)
        shipment.carrier = fact.carrier or shipment.carrier
        shipment.tracking_number = number or shipment.tracking_number
        if number and shipment.created_at is None:
            shipment.created_at = event.occurred_at
            shipment.created_event = event.id
    if number is None:
        return _boxes_changed(order)
    arrive(order)
    return ANYTHING


def _planned(known: tuple[Fulfillment, ...], made: Fulfillment) -> tuple[Fulfillment, ...]:
    """Return plans in the order of their ids; of one that was made twice, the later stands."""
    same = next((f for f in known if f.fulfillment_id == made.fulfillment_id), None)
    if same is not None and (same.created_at, same.event_id) > (made.created_at, made.event_id):
        return known
    return tuple(sorted((*(f for f in known if f is not same), made), key=lambda f: f.fulfillment_id))


def packed(order: Order, event: Event, fact: facts.ShipmentPacked, _policy: Policy) -> int:
    """Take the later packing scan of a box."""
    shipment, _ = own(order, fact.shipment_id, None)
    packing = shipment.packing
    if packing is None or (packing.packed_at, packing.event_id) < (event.occurred_at, event.id):
        shipment.packing = Packing(
            pieces(fact.lines), event.occurred_at, event.id, fact.weight_g, fact.station
        )
    return _boxes_changed(order)


def _boxes_changed(order: Order) -> int:
    """Derive what follows from boxes; mostly nothing."""
    waited = order.awaits_pickup
    arrive(order)
    return A_BOX if order.awaits_pickup == waited else ANYTHING


def created(order: Order, event: Event, fact: facts.ShipmentCreated, _policy: Policy) -> int:
    """Give a parcel its label, or another one."""
    shipment, other_boxes = own(order, fact.shipment_id, fact.tracking_number)
    shipment.carrier = fact.carrier
    if shipment.tracking_number not in {None, fact.tracking_number}:
        shipment.former_numbers = (*shipment.former_numbers, shipment.tracking_number or "")
    shipment.tracking_number = fact.tracking_number
    shipment.created_at = event.occurred_at
    shipment.created_event = event.id
    if fact.lines is not None:
        shipment.lines = pieces(fact.lines)
    if other_boxes or fact.lines is not None:
        arrive(order)
    return ANYTHING


def scanned(order: Order, event: Event, fact: facts.CheckpointReached, _policy: Policy) -> int:
    """Take a carrier scan; one that comes late falls into its place."""
    shipment, other_boxes = own(order, fact.shipment_id, fact.tracking_number)
    status, delivered_at = shipment.status, shipment.delivered_at
    handed_over_at, estimate = shipment.handed_over_at, shipment.estimate
    is_latest = _add(shipment, event, fact, order.zone)
    weighed = fact.weight_g is not None and _weigh(shipment, event.id, fact.weight_g)
    if other_boxes:
        arrive(order)  # which plan belongs to which box depends on their names and how many there are
    elif shipment.delivered_at != delivered_at or "available_for_pickup" in (status, shipment.status):
        derive_arrival(order)
    elif (
        is_latest
        and not weighed
        and fact.status in _ORDINARY
        and fact.reason is None
        and status != "attempt_failed"
        and shipment.handed_over_at is handed_over_at
        and shipment.estimate == estimate
    ):
        return A_SCAN
    return ANYTHING


def _weigh(shipment: Shipment, event_id: str, weight_g: float) -> bool:
    """Take a carrier's weight where it is the least so far; True when it is."""
    if shipment.weight_g is not None and (shipment.weight_g, shipment.weighed_by) <= (weight_g, event_id):
        return False
    shipment.weight_g, shipment.weighed_by = weight_g, event_id
    return True


def mixed_up(order: Order, event: Event, fact: facts.MixUpFound, _policy: Policy) -> None:
    """Note whose box has what this one lacks; the first answer about a box stands."""
    asked = [one for one in order.mix_ups if one.shipment_id == fact.shipment_id]
    digest = asked[-1].digest if asked else box_digest(order, fact.shipment_id)
    if asked and asked[-1].other_order_id:
        return
    found = MixUp(fact.shipment_id, digest, fact.other_order_id, fact.basis, event.id)
    order.mix_ups = (*(one for one in order.mix_ups if one not in asked[-1:]), found)


def _add(shipment: Shipment, event: Event, fact: facts.CheckpointReached, zone: str) -> bool:
    """Put a scan among the others; True when it is the latest, so that the parcel only moves on."""
    if shipment.carrier is None and fact.carrier:
        shipment.carrier = fact.carrier
    if shipment.tracking_number is None and fact.tracking_number:
        shipment.tracking_number = fact.tracking_number
    at, named = event.occurred_at, fact.estimated_delivery
    estimate, day = deadline(named, zone) if named is not None else (None, None)
    scan = Checkpoint(at, fact.status, event.id, fact.reason, fact.responsible, estimate, day)
    scans = shipment.checkpoints
    is_latest = not scans or scans[-1].occurred_at < at
    if is_latest:
        shipment.checkpoints = (*scans, scan)
        move_on(shipment, scan)
    else:
        place = bisect_left(scans, scan_order(scan), key=scan_order)
        shipment.checkpoints = (*scans[:place], scan, *scans[place:])
        settle(shipment)
    if len(scans) >= MAX_CHECKPOINTS:
        shipment.checkpoints = (scans[0], *shipment.checkpoints[2:])
    return is_latest
