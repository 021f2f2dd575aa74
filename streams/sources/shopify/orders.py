"""Shopify's orders, payments and refunds.

``order.placed`` keeps its id however often the order is sent; a later state of it is ``order.changed`` with
the time of the change in its id. Lines keep the quantity that was bought: what is taken back comes as
``order.canceled``, from refunds whose lines say ``restock_type: cancel`` (Shopify: "the items have not yet
been fulfilled"), or from ``cancelled_at`` for all that is left. Refunds of returned goods or of money alone
change nothing that is still to be delivered.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from streams.core.events import (
    Address,
    AnyFact,
    Customer,
    OrderCanceled,
    OrderChanged,
    OrderedLine,
    OrderPlaced,
    PaymentApproved,
    Pieces,
    PromiseWindow,
    Shipping,
    parse_day_or_instant,
)
from streams.core.money import Money
from streams.pipeline.ports import Ignored, Incoming, Rejected, Translation
from streams.sources.foreign import (
    amount,
    fields,
    incoming,
    joined,
    moment,
    name,
    objects,
    text,
    whole,
)
from streams.sources.shopify.parcels import SOURCE_NAME, fulfillment_facts, missing, shipped, sku_of

# A replacement's id, which the desk puts on its order as a tag; see streams/core/remedies/expedited_replacement.
_OUR_TAG = re.compile(r"rep_[0-9a-f]{32}")
_PAID = frozenset({"paid", "partially_refunded", "refunded"})


def order_facts(body: dict[str, Any]) -> Translation:
    """Return everything that a whole order tells, its fulfillments and refunds included."""
    order_id = name(body.get("id"))
    placed_at = moment(body.get("processed_at")) or moment(body.get("created_at"))
    if order_id is None or placed_at is None:
        return missing("order", "id" if order_id is None else "created_at")
    if not isinstance(body.get("line_items"), list):
        return missing("order", "line_items")
    goods = [line for line in objects(body["line_items"]) if shipped(line)]
    if not goods:
        return Ignored(why="nothing in the order travels")
    lines = [_line(line, body.get("currency")) for line in goods]
    if None in lines:
        return missing("order's line", "article or quantity")
    bought = tuple(line for line in lines if line is not None)
    found = [
        *_placed(body, order_id, placed_at, bought),
        *_paid(body, order_id, placed_at),
        *_canceled(body, order_id),
    ]
    return _with_parts(body, order_id, found)


def _with_parts(body: dict[str, Any], order_id: str, found: list[Incoming]) -> Translation:
    by_line = {name(line.get("id")): line for line in objects(body.get("line_items"))}
    parts = [fulfillment_facts({**part, "order_id": order_id}) for part in objects(body.get("fulfillments"))]
    parts += [_refund({**part, "order_id": order_id}, by_line) for part in objects(body.get("refunds"))]
    for part in parts:
        if isinstance(part, Rejected):
            return part
        if not isinstance(part, Ignored):
            found.extend(part)
    return tuple(found)


def _placed(
    body: dict[str, Any], order_id: str, placed_at: datetime, lines: tuple[OrderedLine, ...]
) -> list[Incoming]:
    customer, shipping, notes = _customer(body, order_id), _shipping(body), _notes(body)
    promised_by = notes.get("promised_by")
    placed = OrderPlaced(
        order_id=order_id,
        customer=customer,
        lines=lines,
        shipping=shipping,
        promise=PromiseWindow(by=promised_by, from_=notes.get("promised_from")) if promised_by else None,
        ship_by=notes.get("ship_by"),
        replaces=_replaces(body),
    )
    found = [_incoming(f"order:{order_id}:placed", placed_at, order_id, placed)]
    created_at, updated_at = moment(body.get("created_at")), moment(body.get("updated_at"))
    if created_at is not None and updated_at is not None and updated_at > created_at:
        changed = OrderChanged(order_id=order_id, customer=customer, lines=lines, shipping=shipping)
        found.append(
            _incoming(f"order:{order_id}:changed:{updated_at.isoformat()}", updated_at, order_id, changed)
        )
    return found


def _paid(body: dict[str, Any], order_id: str, placed_at: datetime) -> list[Incoming]:
    if text(body.get("financial_status")) not in _PAID:
        return []
    approved = PaymentApproved(order_id=order_id, ship_by=_notes(body).get("ship_by"))
    # The order does not say when it was paid; processed_at is when Shopify took the payment over.
    return [_incoming(f"order:{order_id}:paid", placed_at, order_id, approved)]


def _canceled(body: dict[str, Any], order_id: str) -> list[Incoming]:
    canceled_at = moment(body.get("cancelled_at"))
    if canceled_at is None:
        return []
    canceled = OrderCanceled(order_id=order_id, reason=text(body.get("cancel_reason")))
    return [_incoming(f"order:{order_id}:canceled", canceled_at, order_id, canceled)]


def payment_facts(body: dict[str, Any]) -> Translation:
    """Return the payment of an order; authorizations, refunds and failed attempts are ignored."""
    order_id, created_at = name(body.get("order_id")), moment(body.get("created_at"))
    if order_id is None or created_at is None:
        return missing("transaction", "order_id" if order_id is None else "created_at")
    kind, status = text(body.get("kind"), 64), text(body.get("status"), 64)
    if kind not in {"sale", "capture"} or status != "success":
        return Ignored(why=f"a transaction of kind {kind} with status {status} pays for nothing")
    return (_incoming(f"order:{order_id}:paid", created_at, order_id, PaymentApproved(order_id=order_id)),)


def refund_facts(body: dict[str, Any]) -> Translation:
    """Return the lines that a refund cancels."""
    if body.get("id") is None and body.get("created_at") is None:
        return Ignored(why="a calculation of a refund; none was made")
    return _refund(body, {})


def _refund(body: dict[str, Any], by_line: dict[str | None, dict[str, Any]]) -> Translation:
    number, order_id = name(body.get("id")), name(body.get("order_id"))
    created_at = moment(body.get("created_at"))
    if number is None or order_id is None or created_at is None:
        return missing("refund", "id, order_id or created_at")
    canceled = []
    for refunded in objects(body.get("refund_line_items")):
        if text(refunded.get("restock_type")) != "cancel":
            continue
        line = fields(refunded.get("line_item")) or by_line.get(name(refunded.get("line_item_id")), {})
        sku, quantity = sku_of(line), whole(refunded.get("quantity"))
        if sku is None or quantity is None:
            return missing("refund's line", "article or quantity")
        canceled.append(Pieces(sku=sku, quantity=quantity))
    if not canceled:
        return Ignored(why="a refund of money or of returned goods; nothing to be delivered was canceled")
    fact = OrderCanceled(order_id=order_id, lines=tuple(canceled), reason=text(body.get("note")) or "refund")
    return (_incoming(f"refund:{number}", created_at, order_id, fact),)


# ---------------------------------------------------------------------------- parts of an order


def _incoming(event_id: str, occurred_at: datetime, order_id: str, fact: AnyFact) -> Incoming:
    return incoming(
        event_id=event_id[:256], source=SOURCE_NAME, occurred_at=occurred_at, order_id=order_id, fact=fact
    )


def _line(line: dict[str, Any], currency: Any) -> OrderedLine | None:
    sku, quantity = sku_of(line), whole(line.get("quantity"))
    if sku is None or quantity is None:
        return None
    grams = whole(line.get("grams"), 10**8)
    return OrderedLine(
        sku=sku,
        quantity=quantity,
        line_id=name(line.get("id")),
        title=text(line.get("name")) or text(line.get("title")),
        unit_price=amount(line.get("price"), currency),
        weight_g=float(grams) if grams else None,
    )


def _customer(body: dict[str, Any], order_id: str) -> Customer:
    who, address = fields(body.get("customer")), _address(body)
    called = joined(who.get("first_name"), who.get("last_name"), separator=" ")
    return Customer(
        customer_id=name(who.get("id")) or f"order:{order_id}"[:256],
        email=text(body.get("email")) or text(body.get("contact_email")) or text(who.get("email")),
        name=called or (address.name if address is not None else None),
        locale=text(body.get("customer_locale")),
        country=address.country if address is not None else None,
    )


def _address(body: dict[str, Any]) -> Address | None:
    found = fields(body.get("shipping_address"))
    if not found:
        return None
    return Address(
        name=text(found.get("name"))
        or joined(found.get("first_name"), found.get("last_name"), separator=" "),
        street=joined(found.get("address1"), found.get("address2")),
        city=text(found.get("city")),
        region=text(found.get("province_code")) or text(found.get("province")),
        postal_code=text(found.get("zip")),
        country=text(found.get("country_code")),
    )


def _shipping(body: dict[str, Any]) -> Shipping | None:
    address, paid, method = _address(body), None, None
    for line in objects(body.get("shipping_lines")):
        method = method or text(line.get("title"))
        price = (
            line.get("discounted_price") if line.get("discounted_price") is not None else line.get("price")
        )
        paid = _plus(paid, amount(price, body.get("currency")))
    if address is None and paid is None and method is None:
        return None
    return Shipping(method=method, paid=paid, address=address)


def _plus(so_far: Money | None, more: Money | None) -> Money | None:
    if so_far is None or more is None:
        return so_far or more
    return so_far + more


def _notes(body: dict[str, Any]) -> dict[str, str]:
    """Return the note attributes that are days or times; others are the shop's own business."""
    found = {}
    for note in objects(body.get("note_attributes")):
        title, value = text(note.get("name"), 64), text(note.get("value"), 64)
        if title in {"promised_by", "promised_from", "ship_by"} and value is not None and _is_date(value):
            found[title] = value
    return found


def _replaces(body: dict[str, Any]) -> str | None:
    """Return the order that this one makes good, as the desk ``shopify`` wrote it down.

    A customer can write a note attribute, and so name somebody else's order; only staff and apps can write
    the tag that stands beside ours.
    """
    tags = [tag.strip() for tag in (text(body.get("tags"), 5000) or "").split(",")]
    if not any(_OUR_TAG.fullmatch(tag) for tag in tags):
        return None
    notes = objects(body.get("note_attributes"))
    return next((name(note.get("value")) for note in notes if note.get("name") == "replaces"), None)


def _is_date(value: str) -> bool:
    try:
        parse_day_or_instant(value)
    except ValueError:
        return False
    return True
