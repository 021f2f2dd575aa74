"""Says every fact, decision and outcome in one sentence, for people who look at one order."""

from __future__ import annotations

from collections.abc import Iterable

from streams.core import events as facts
from streams.core.events import AnyFact, MessageOutcome, Pieces
from streams.core.money import spell_amount

_SCANS = {
    "pre_transit": "the carrier knows of it and does not have it",
    "in_transit": "it is on its way",
    "out_for_delivery": "it is out for delivery",
    "attempt_failed": "a delivery attempt failed",
    "available_for_pickup": "it waits to be picked up",
    "delivered": "it is delivered",
    "exception": "the carrier reports trouble",
    "return_to_sender": "it is on its way back",
    "expired": "the carrier looks for it no more",
    "unknown": "a scan that says nothing",
}
_HELD = {
    "quiet_hours": "it is night where the customer is",
    "window": "the customer has had a mail about this order within the window",
    "label": "the return label is not there yet",
    "review": "a person decides first",
    "settling": "it must stay true for a while before it is told",
    "no_address": "there is no usable address",
    "storm": "unusually many of this sort at once; people look at some of them first",
}
_EXPIRED = {
    "approved": "what was proposed is done",
    "words_only": "the customer is told, and nothing that costs is granted",
    "refused": "nothing is done",
}
_WITHDRAWN = {
    "cleared": "it is no longer true",
    "superseded": "newer news took its place",
    "refused": "a person decided against it",
    "canceled": "the order was canceled",
    "stale": "it was too old to be told",
    "no_address": "there is no usable address",
}
_OUTCOMES: dict[type[MessageOutcome], str] = {
    facts.MessageAccepted: "the relay took responsibility for the mail",
    facts.MessageDeferred: "the relay did not take the mail yet; it is tried again",
    facts.MessageRefused: "the mail was refused for good",
    facts.MessageInDoubt: "nobody knows whether the mail went out: the connection died after its final dot",
    facts.MessageBounced: "the mail came back after it had been accepted",
    facts.MessageSuppressed: "the mail was not sent, by rule",
}


def say(fact: AnyFact) -> str:
    """Return what a fact says, without the customer's name or address."""
    if isinstance(fact, MessageOutcome):
        reply = f": {fact.reply}" if fact.reply else ""
        return f"{_OUTCOMES[type(fact)]} ({fact.template}, attempt {fact.attempt}){reply}"
    if isinstance(fact, facts.Decision):
        return _decision(fact)
    return _heard(fact)


def spell_pieces(lines: Iterable[Pieces] | Iterable[facts.OrderedLine]) -> str:
    """Return lines as ``2 LAMP, 1 BULB``."""
    return ", ".join(f"{line.quantity} {line.sku}" for line in lines) or "nothing"


def _heard(fact: AnyFact) -> str:
    match fact:
        case facts.OrderPlaced():
            promise = (
                f", promised by {fact.promise.by}" if fact.promise is not None else ", without a promise"
            )
            good = f", to make good {fact.replaces}" if fact.replaces else ""
            return f"placed: {spell_pieces(fact.lines)}{promise}{good}"
        case facts.OrderChanged():
            changed = [name for name in ("customer", "lines", "shipping") if getattr(fact, name) is not None]
            return f"changed: {', '.join(changed) or 'nothing'}"
        case facts.OrderCanceled():
            return f"canceled: {spell_pieces(fact.lines) if fact.lines else 'all of it'}"
        case facts.PaymentApproved():
            return "payment approved" + (f", to be shipped by {fact.ship_by}" if fact.ship_by else "")
        case facts.PromiseRevised():
            told = "the customer was told" if fact.told_customer else "the customer was not told"
            return f"promise moved to {fact.promise.by}; {told}"
        case facts.FulfillmentCreated():
            return f"meant to be shipped together: {spell_pieces(fact.lines)}{_box(fact.shipment_id)}"
        case facts.ShipmentPacked():
            return f"scanned into the box: {spell_pieces(fact.lines)}{_box(fact.shipment_id)}"
        case facts.ShipmentCreated():
            return f"labeled: {fact.carrier} {fact.tracking_number}{_box(fact.shipment_id)}"
        case facts.CheckpointReached():
            return _scan(fact)
        case facts.CustomerReported():
            return f"the customer reports: {fact.kind.replace('_', ' ')}"
        case facts.ChoiceMade():
            return f"the customer chose: {fact.choice}"
        case facts.ReviewResolved():
            only = f", only {', '.join(fact.remedies)}" if fact.approved and fact.remedies is not None else ""
            return f"{fact.by} {'approved' if fact.approved else 'refused'} the review{only}"
        case facts.CustomerReplied():
            return "the customer answered our mail: a person speaks from here on"
        case facts.ReturnCheckpoint():
            return f"the return parcel: {_SCANS[fact.status]}"
        case _:
            return _outcome(fact)


def _outcome(fact: AnyFact) -> str:
    match fact:
        case facts.ReturnLabelIssued():
            return f"return label bought: {fact.carrier} {fact.tracking_number}"
        case facts.ReturnLabelRefused():
            return f"no return label could be had: {fact.reason}"
        case facts.ReturnLabelVoided():
            return "return label voided: " + ("its money comes back" if fact.refunded else "it stays paid")
        case facts.ReplacementAccepted():
            return f"replacement ordered: {fact.reference or fact.replacement_id}"
        case facts.ReplacementRefused():
            return f"the replacement cannot be shipped: {fact.reason}"
        case facts.AllowanceGranted():
            return "granted, across all orders" + ("" if fact.apology else ", without another apology")
        case facts.AllowanceHeld():
            return f"held by the storm brake ({fact.storm_id})"
        case facts.AllowanceRefused():
            return f"not granted, because of the limit {fact.limit}{f': {fact.reads}' if fact.reads else ''}"
        case facts.MixUpFound():
            return f"its box and one of {fact.other_order_id} hold each other's goods, by their {fact.basis}"
        case _:
            return "nothing came"


def _scan(fact: facts.CheckpointReached) -> str:
    details = [text for text in (fact.reason, fact.description, fact.location) if text]
    estimate = f"; the carrier expects {fact.estimated_delivery}" if fact.estimated_delivery else ""
    said = f" ({', '.join(details)})" if details else ""
    return f"scanned {fact.status}: {_SCANS[fact.status]}{said}{estimate}"


def _decision(fact: facts.Decision) -> str:
    match fact:
        case facts.ExceptionOpened():
            return f"{fact.kind} opened, {fact.severity}, about {fact.subject}{_difference(fact)}"
        case facts.ExceptionChanged():
            return f"{fact.kind} changed: now {fact.severity}, about {fact.subject}{_difference(fact)}"
        case facts.ExceptionCleared():
            return f"{fact.kind} cleared, about {fact.subject}"
        case facts.ReturnLabelRequested():
            keep = f"theirs to keep after {fact.keep_after}"
            return f"return label requested for {spell_pieces(fact.lines)}, {spell_amount(fact.cost)}, {keep}"
        case facts.ReplacementRequested():
            how = "expedited " if fact.expedited else ""
            return f"{how}replacement requested: {spell_pieces(fact.lines)}, {spell_amount(fact.cost)}"
        case facts.ReplacementProgressed():
            return f"its replacement {fact.replacement_order_id}: {fact.status.replace('_', ' ')}"
        case facts.GoodwillGranted():
            return f"goodwill granted: {spell_amount(fact.cost)}"
        case facts.ShippingRefundGranted():
            return f"shipping refund granted: {spell_amount(fact.cost)}"
        case facts.RefundGranted():
            return f"refund granted for {spell_pieces(fact.lines)}: {spell_amount(fact.cost)}"
        case facts.ReturnLabelLapsed():
            return f"nobody used the return label by its day: {spell_amount(fact.cost)} are asked back"
        case facts.ReturnWaived():
            worth = f"worth {spell_amount(fact.value)}, its way back {spell_amount(fact.saved)}"
            return f"theirs to keep: {spell_pieces(fact.lines)}, {worth}"
        case facts.AllowanceRequested():
            cost = ", ".join(spell_amount(one) for one in fact.costs) or "nothing that costs"
            return f"asked across all orders: {fact.purpose} for {fact.kind}, {cost}"
        case facts.MixUpSuspected():
            return f"another box of {fact.station} may hold what {fact.shipment_id} lacks"
        case facts.ReviewExpired():
            return f"nobody decided in time, so by the policy {fact.by} {_EXPIRED[fact.outcome]}"
        case facts.ReviewRequested():
            asked = f"about {', '.join(fact.remedies) or 'what to do'}, {spell_amount(fact.cost)}"
            return f"a person is asked {asked}, because of {fact.reason.replace('_', ' ')}"
        case facts.MessageQueued():
            return f"mail {fact.template} ({fact.locale}) may go out"
        case facts.MessageHeld():
            return f"mail {fact.template} is held: {_HELD[fact.reason]}"
        case facts.MessageWithdrawn():
            return f"mail {fact.template} is withdrawn: {_WITHDRAWN[fact.reason]}"
        case _:
            return fact.TYPE


def _difference(fact: facts.ExceptionOpened | facts.ExceptionChanged) -> str:
    missing = f", missing {spell_pieces(fact.missing)}" if fact.missing else ""
    extra = f", too many {spell_pieces(fact.extra)}" if fact.extra else ""
    return missing + extra


def _box(shipment_id: str | None) -> str:
    return f" (parcel {shipment_id})" if shipment_id else ""
