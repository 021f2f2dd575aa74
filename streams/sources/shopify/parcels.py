"""Shopify's fulfillments and fulfillment events: what the shop sends, and what the carrier says of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from streams.core.events import CheckpointReached, FulfillmentCreated, Pieces, ShipmentCreated, Status
from streams.pipeline.ports import Ignored, Incoming, Rejected, Translation
from streams.sources.foreign import incoming, items, joined, moment, name, objects, text, whole

SOURCE_NAME = "shopify"

# Shopify documentation: FulfillmentEvent.status, and Fulfillment.shipment_status with the same words. Words
# that are not here stay unknown: a word that nobody understood must not become a delay.
STATUSES: Mapping[str, Status] = {
    "label_printed": "pre_transit",
    "label_purchased": "pre_transit",
    "confirmed": "pre_transit",  # the carrier knows of the parcel and does not have it yet
    "carrier_picked_up": "in_transit",
    "in_transit": "in_transit",
    "delayed": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "attempted_delivery": "attempt_failed",
    "ready_for_pickup": "available_for_pickup",
    "picked_up": "delivered",
    "delivered": "delivered",
    "failure": "exception",
    "not_delivered": "exception",
}
_REASONS = frozenset({"delayed", "failure", "not_delivered", "attempted_delivery"})
_CALLED_OFF = frozenset({"cancelled", "error", "failure"})


def missing(what: str, field: str) -> Rejected:
    """Return the rejection of a body without a field that it cannot do without."""
    return Rejected(
        code="shopify-incomplete",
        why=f"the {what} has no usable {field}",
        hint="send the body of the webhook, or of Admin REST, as it came",
    )


def sku_of(line: dict[str, Any]) -> str | None:
    """Return the article of a line: its sku, or what identifies it where the shop gave none."""
    found = name(line.get("sku"))
    if found is not None:
        return found
    for field in ("variant_id", "product_id", "id"):
        number = name(line.get(field))
        if number is not None:
            return f"{field.removesuffix('_id')}:{number}"[:256]
    return None


def shipped(line: dict[str, Any]) -> bool:
    """True for goods; gift cards and downloads never travel."""
    return line.get("requires_shipping") is not False and line.get("gift_card") is not True


def fulfillment_facts(body: dict[str, Any]) -> Translation:
    """Return a fulfillment, a shipment per tracking number, and the carrier's last word if it is there."""
    number, order_id = name(body.get("id")), name(body.get("order_id"))
    created_at = moment(body.get("created_at"))
    if number is None or order_id is None or created_at is None:
        return missing(
            "fulfillment", "id" if number is None else "order_id" if order_id is None else "created_at"
        )
    if text(body.get("status")) in _CALLED_OFF:
        return Ignored(why=f"the fulfillment did not take place: {text(body.get('status'))}")
    lines = _pieces(items(body.get("line_items")))
    if lines is None:
        return missing("fulfillment's line", "article or quantity")
    if not lines:
        return Ignored(why="nothing in the fulfillment travels")
    return (
        *_created(body, number, order_id, created_at, lines),
        *_last_word(body, number, order_id),
    )


def _created(
    body: dict[str, Any], number: str, order_id: str, created_at: datetime, lines: tuple[Pieces, ...]
) -> list[Incoming]:
    carrier, service = text(body.get("tracking_company")), text(body.get("service"))
    tracking = _tracking_numbers(body)
    one_box = len(tracking) < 2  # with several boxes nobody says which holds what
    fulfillment = FulfillmentCreated(
        order_id=order_id,
        fulfillment_id=number,
        lines=lines,
        shipment_id=number if one_box else None,
        carrier=carrier,
        tracking_number=tracking[0] if len(tracking) == 1 else None,
        service=service,
    )
    found = [_incoming(f"fulfillment:{number}", created_at, order_id, fulfillment)]
    for place, tracking_number in enumerate(tracking):
        shipment = ShipmentCreated(
            order_id=order_id,
            shipment_id=number if place == 0 else f"{number}-{place + 1}",
            carrier=carrier or "unknown",
            tracking_number=tracking_number,
            lines=lines if one_box else None,
            service=service,
        )
        found.append(
            _incoming(f"fulfillment:{number}:{tracking_number}"[:256], created_at, order_id, shipment)
        )
    return found


def _last_word(body: dict[str, Any], number: str, order_id: str) -> list[Incoming]:
    said, updated_at = text(body.get("shipment_status"), 64), moment(body.get("updated_at"))
    if said is None or updated_at is None or said not in STATUSES:
        return []
    scan = CheckpointReached(
        status=STATUSES[said],
        order_id=order_id,
        shipment_id=number,
        carrier=text(body.get("tracking_company")),
        reason=said if said in _REASONS else None,
    )
    return [_incoming(f"fulfillment:{number}:{said}", updated_at, order_id, scan)]


def event_facts(body: dict[str, Any]) -> Translation:
    """Return the checkpoint that a fulfillment event tells."""
    number, order_id = name(body.get("id")), name(body.get("order_id"))
    fulfillment_id = name(body.get("fulfillment_id"))
    happened_at = moment(body.get("happened_at")) or moment(body.get("created_at"))
    if number is None or order_id is None or fulfillment_id is None:
        return missing("fulfillment event", "id, order_id or fulfillment_id")
    if happened_at is None:
        return missing("fulfillment event", "happened_at")
    said = text(body.get("status"), 64) or "unknown"
    estimate = moment(body.get("estimated_delivery_at"))
    scan = CheckpointReached(
        status=STATUSES.get(said, "unknown"),
        order_id=order_id,
        shipment_id=fulfillment_id,
        reason=said if said in _REASONS else None,
        description=text(body.get("message")),
        location=joined(body.get("city"), body.get("province"), body.get("country")),
        estimated_delivery=estimate.isoformat() if estimate is not None else None,
    )
    return (_incoming(f"fulfillment_event:{number}", happened_at, order_id, scan),)


def _incoming(event_id: str, occurred_at: datetime, order_id: str, fact: Any) -> Incoming:
    return incoming(
        event_id=event_id, source=SOURCE_NAME, occurred_at=occurred_at, order_id=order_id, fact=fact
    )


def _tracking_numbers(body: dict[str, Any]) -> list[str]:
    listed = [name(number) for number in items(body.get("tracking_numbers"))]
    found = dict.fromkeys(
        number for number in [*listed, name(body.get("tracking_number"))] if number is not None
    )
    return list(found)


def _pieces(lines: list[Any]) -> tuple[Pieces, ...] | None:
    found = []
    for line in objects(lines):
        if not shipped(line):
            continue
        sku, quantity = sku_of(line), whole(line.get("quantity"))
        if sku is None or quantity is None:
            return None
        found.append(Pieces(sku=sku, quantity=quantity))
    return tuple(found)
