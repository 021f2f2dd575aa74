"""Shopify: orders, fulfillments, fulfillment events, refunds and payments, as webhooks or Admin REST bodies.

What it sees: the body of a webhook (``orders/*``, ``fulfillments/*``, ``fulfillment_events/create``,
``refunds/create``, ``order_transactions/create``), or the same under its REST root key (``order``,
``orders``, ``fulfillments``, ...). The order id is Shopify's numeric id, the only one that all of these carry.

What comes out: see ``orders.py`` and ``parcels.py``. A whole order also tells of the fulfillments and refunds
in it, under the ids their own webhooks have, so nothing counts twice.

Known gaps: Shopify promises no day. A shop that does can say so in the order's note attributes
``promised_by``, ``promised_from`` and ``ship_by``. Refunds that neither cancel nor return goods are ignored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from streams.codec.strict_json import parse
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.reading import records, rejected
from streams.sources.shopify.orders import order_facts, payment_facts, refund_facts
from streams.sources.shopify.parcels import event_facts, fulfillment_facts

_ROOTS: Mapping[str, Callable[[dict[str, Any]], Translation]] = {
    "order": order_facts,
    "fulfillment": fulfillment_facts,
    "fulfillment_event": event_facts,
    "refund": refund_facts,
    "transaction": payment_facts,
}
_SILENT = {
    "fulfillment_order": "a fulfillment order is a request to a warehouse; nothing has happened to a parcel yet",
    "original_fulfillment_order": "a fulfillment order is a request to a warehouse",
    "fulfillment_service": "a fulfillment service is a setting of the shop",
    "risk": "a fraud risk says nothing about a parcel",
    "event": "an entry of the shop's activity log repeats what other webhooks tell",
    "webhook": "a webhook's registration says nothing about an order",
}


class Shopify:
    """Orders and parcels in files, folders or webhook bodies."""

    name = "shopify"

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield one record per ``.json`` document or NDJSON line.

        Raises:
            InputProblem: ``source-not-found`` or ``source-empty``.
        """
        return records(self.name, location, after=after)

    def translate(self, record: Record) -> Translation:
        """Return the facts in a body, or why there are none."""
        if isinstance(record.parsed, Rejected):
            return record.parsed
        try:
            return _translate(parse(record.raw))
        except InputProblem as problem:
            return rejected(problem)


def verify(body: bytes, header: str, secret: str) -> bool:
    """True when ``header`` (``X-Shopify-Hmac-Sha256``) was made from ``body`` with the app's ``secret``.

    The base64 of HMAC-SHA256 over the raw body (Shopify documentation, "Deliver webhooks through HTTPS").
    Takes the same time for every wrong header.
    """
    expected = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return bool(secret) and hmac.compare_digest(expected, header.strip().encode("utf-8", "replace"))


def _translate(body: Any) -> Translation:
    if isinstance(body, list):
        return _together(_whole, body)
    if not isinstance(body, dict):
        return _unrecognized("the record is no object")
    for root, facts in _ROOTS.items():
        if isinstance(body.get(root), dict) and "id" not in body:
            return facts(body[root])
        if isinstance(body.get(root + "s"), list) and "id" not in body:
            return _together(facts, body[root + "s"])
    for root, why in _SILENT.items():
        if root in body or root + "s" in body:
            return Ignored(why=why)
    return _whole(body)


def _whole(body: dict[str, Any]) -> Translation:
    """Return the facts in a body without its root key: webhooks leave it out."""
    if "refund_line_items" in body:
        return refund_facts(body)
    if "fulfillment_id" in body and "happened_at" in body:
        return event_facts(body)
    if "tracking_numbers" in body or ("tracking_number" in body and "line_items" in body):
        return fulfillment_facts(body)
    if "line_items" in body and ("financial_status" in body or "order_number" in body):
        return order_facts(body)
    if "kind" in body and "gateway" in body:
        return payment_facts(body)
    if "request_status" in body:
        return Ignored(why=_SILENT["fulfillment_order"])
    return _unrecognized(
        "it looks like no order, fulfillment, event or refund: " + ", ".join(sorted(body))[:200]
    )


def _unrecognized(why: str) -> Rejected:
    return Rejected(
        code="shopify-unrecognized",
        why=why,
        hint="send the body of the webhook, or of Admin REST, as it came",
    )


def _together(facts: Callable[[dict[str, Any]], Translation], bodies: list[Any]) -> Translation:
    """Return the facts of all; one that is broken refuses the record, so that none gets lost unseen."""
    found: list[Incoming] = []
    silent = "the list is empty"
    for number, body in enumerate(bodies):
        part = facts(body) if isinstance(body, dict) else _unrecognized("it is no object")
        if isinstance(part, Rejected):
            return Rejected(code=part.code, why=f"entry {number}: {part.why}", hint=part.hint)
        if isinstance(part, Ignored):
            silent = part.why
        else:
            found.extend(part)
    return tuple(found) if found else Ignored(why=silent)


SOURCE = Shopify()
