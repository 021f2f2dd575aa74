"""What each fact does to an order: ``evolve`` never decides, and never looks at a clock.

State is a function of the *set* of facts as far as the facts allow: scans are kept in the order of
their own times, so late ones fall into place; a terminal state is never downgraded; the shop's promise
and the carrier's estimate are two things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.core import events as facts
from streams.core.detector import A_SCAN, ANYTHING
from streams.core.events import Event
from streams.core.evolve import customers, orders, outcomes, replacements, shipments
from streams.core.evolve.arrival import read_signs
from streams.core.ids import MARK, fingerprint
from streams.core.order import MAX_SEEN, Order
from streams.core.policy import Policy

Change = Callable[[Order, Event, Any, Policy], int | None]
"""Writes a fact into a private copy of an order; says what it changed, as a bit, where that is little."""

_CHANGES: dict[type, Change] = {
    facts.OrderPlaced: orders.placed,
    facts.OrderChanged: orders.changed,
    facts.OrderCanceled: orders.canceled,
    facts.PaymentApproved: orders.approved,
    facts.PromiseRevised: orders.promise_revised,
    facts.FulfillmentCreated: shipments.fulfilled,
    facts.ShipmentPacked: shipments.packed,
    facts.ShipmentCreated: shipments.created,
    facts.CheckpointReached: shipments.scanned,
    facts.CustomerReported: customers.reported,
    facts.ChoiceMade: customers.chosen,
    facts.CustomerReplied: customers.replied,
    facts.ReviewResolved: customers.review_resolved,
    facts.ReturnCheckpoint: customers.return_seen,
    facts.ReturnLabelIssued: outcomes.label_issued,
    facts.ReturnLabelRefused: outcomes.label_refused,
    facts.ReplacementAccepted: replacements.accepted,
    facts.ReplacementRefused: replacements.refused,
    facts.ReplacementProgressed: replacements.progressed,
    facts.AllowanceGranted: outcomes.allowance_granted,
    facts.AllowanceHeld: outcomes.allowance_held,
    facts.AllowanceRefused: outcomes.allowance_refused,
    facts.MixUpFound: shipments.mixed_up,
    facts.MessageAccepted: outcomes.mailed("accepted"),
    facts.MessageDeferred: outcomes.mailed("deferred"),
    facts.MessageRefused: outcomes.mailed("refused"),
    facts.MessageInDoubt: outcomes.mailed("in_doubt"),
    facts.MessageBounced: outcomes.mailed("bounced"),
    facts.MessageSuppressed: outcomes.mailed("suppressed"),
}

_REMEMBERED = MAX_SEEN * MARK


def evolve(order: Order, event: Event, policy: Policy, mark: bytes | None = None) -> Order:
    """Return the order as it is after ``event``; the argument is left as it was.

    ``mark`` is the event's fingerprint, for callers that have it already.
    """
    return evolved(order, event, policy, fingerprint(event.source, event.id) if mark is None else mark)[0]


def evolved(order: Order, event: Event, policy: Policy, mark: bytes) -> tuple[Order, int]:
    """Return what :func:`evolve` does, and the little that changed (:mod:`streams.core.detector`), else 0."""
    after: Order = order.__copy__()  # type: ignore[attr-defined]  # the C copy itself, without copy()'s search
    seen = order.seen + mark
    after.seen = seen if len(seen) <= _REMEMBERED else seen[-_REMEMBERED:]
    fact = event.fact
    change = _CHANGES.get(type(fact))
    if change is None:
        return after, ANYTHING
    changed = change(after, event, fact, policy) or ANYTHING
    if changed != A_SCAN:
        after.signs = read_signs(after)
    return after, changed
