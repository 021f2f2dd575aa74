"""News of the second shipments that we pay for."""

from __future__ import annotations

from typing import Any

from streams.core import events as facts
from streams.core.events import Event
from streams.core.evolve.arrival import arrive
from streams.core.evolve.case import case_of
from streams.core.order import Order, Replacement, amended, pieces
from streams.core.policy import Policy


def accepted(order: Order, event: Event, fact: facts.ReplacementAccepted, _policy: Policy) -> None:
    """Note that the order system took it."""
    _amend_replacement(order, fact.replacement_id, accepted_at=event.occurred_at)


def refused(order: Order, _event: Event, fact: facts.ReplacementRefused, _policy: Policy) -> None:
    """Note that it cannot be shipped, and why."""
    _amend_replacement(
        order,
        fact.replacement_id,
        refused=fact.reason,
        out_of_stock=fact.out_of_stock,
    )


def progressed(order: Order, event: Event, fact: facts.ReplacementProgressed, _policy: Policy) -> None:
    """News of the order that makes this one good; a replacement that staff placed themselves counts too."""
    case = case_of(order)
    mine = next((r for r in case.replacements if r.order_id == fact.replacement_order_id), None)
    if mine is None:
        open_ones = (r for r in case.replacements if r.order_id is None and r.refused is None)
        mine = next((r for r in open_ones if r.status != "canceled"), None)
    if mine is None:
        mine = Replacement(
            replacement_id=fact.replacement_order_id,
            lines=pieces(order.lines),
            requested_at=event.occurred_at,
            expedited=False,
        )
        case.replacements = (*case.replacements, mine)
    changes: dict[str, Any] = {"order_id": fact.replacement_order_id}
    if fact.promised_by is not None:
        changes["promised_by"] = fact.promised_by
    if fact.status in {"in_trouble", "recovered"}:
        changes["troubled"] = fact.status == "in_trouble"
    elif mine.status != "delivered":
        changes["status"] = fact.status
    if fact.status == "delivered":
        changes["delivered_at"] = event.occurred_at
    _amend_replacement(order, mine.replacement_id, **changes)
    if all(r.delivered_at is not None for r in case_of(order).replacements):
        order.replacement_word = None  # kept: the next replacement gets a word of its own
    arrive(order)


def _amend_replacement(order: Order, replacement_id: str, **changes: Any) -> None:
    case = case_of(order)
    case.replacements = amended(
        case.replacements, lambda one: one.replacement_id == replacement_id, **changes
    )
