"""Writes events as the outside writes them: one CloudEvent per line."""

import json
from datetime import datetime, timedelta

MONDAY = datetime.fromisoformat("2026-03-02T15:00:00+00:00")
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)


def event(wire_type, identity, at, *, source="shop/us", **data):
    """One event as a dictionary; ``data`` is its data."""
    return {
        "specversion": "1.0",
        "id": identity,
        "source": source,
        "type": wire_type,
        "time": at.isoformat(),
        "data": data,
    }


def placed(order_id, at=MONDAY, *, by="2026-03-09", **more):
    """Somebody in Chicago bought a set of brush markers."""
    customer = {
        "customer_id": f"C-{order_id}",
        "email": f"{order_id.lower()}@example.com",
        "name": "Ines",
        "locale": "en",
        "time_zone": "America/Chicago",
        "country": "US",
    } | more.pop("customer", {})
    line = {
        "sku": "MARK-BRUSH",
        "title": "Brush markers",
        "quantity": 1,
        "unit_price": {"minor": 2490, "currency": "USD"},
    } | more.pop("line", {})
    identity = more.pop("identity", f"{order_id}-placed")
    return event(
        "order.placed.v1",
        identity,
        at,
        order_id=order_id,
        customer=customer,
        lines=[line],
        promise={"by": by},
        **more,
    )


def swapped(order_id, at=MONDAY, **more):
    """An order whose box got chalk instead of brush markers: one mail, one label, one replacement."""
    sku = more.get("line", {}).get("sku", "MARK-BRUSH")
    meant, found = [{"sku": sku, "quantity": 1}], [{"sku": "MARK-CHALK", "quantity": 1}]
    box = f"{order_id}-BOX"
    return [
        placed(order_id, at, **more),
        event(
            "fulfillment.created.v1",
            f"{order_id}-planned",
            at + HOUR,
            order_id=order_id,
            fulfillment_id=f"{order_id}-F",
            shipment_id=box,
            lines=meant,
        ),
        event(
            "shipment.packed.v1",
            f"{order_id}-packed",
            at + 2 * HOUR,
            order_id=order_id,
            shipment_id=box,
            lines=found,
        ),
    ]


def shipped(order_id, at=MONDAY, *, tracking_number=None):
    """The carrier label of an order's box."""
    return event(
        "shipment.created.v1",
        f"{order_id}-labelled",
        at,
        order_id=order_id,
        shipment_id=f"{order_id}-BOX",
        carrier="Usual Post",
        tracking_number=tracking_number or f"1Z{order_id}",
    )


def scan(identity, status, at, tracking_number, **more):
    """A carrier scan that knows only its number."""
    return event(
        "checkpoint.reached.v1",
        identity,
        at,
        source="carrier/usual",
        tracking_number=tracking_number,
        status=status,
        **more,
    )


def delivered_well(order_id, at=MONDAY):
    """An order that nobody needs to hear about."""
    number = f"1Z{order_id}"
    return [
        placed(order_id, at),
        shipped(order_id, at + DAY),
        scan(f"{order_id}-s1", "in_transit", at + DAY + 5 * HOUR, number),
        scan(f"{order_id}-s2", "delivered", at + 3 * DAY, number),
    ]


def line(one):
    """An event as bytes, without a line break."""
    return json.dumps(one).encode()


def write(path, *events):
    """Write events, in the order of their times, and raw lines where they stand; return the path."""
    path.write_bytes(b"".join((one if isinstance(one, bytes) else line(one)) + b"\n" for one in events))
    return path


def in_time(*events):
    """Events in the order of their times, as they would arrive."""
    return sorted(events, key=lambda one: datetime.fromisoformat(one["time"]))
