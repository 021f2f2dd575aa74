"""What each fact does to an order: ``evolve`` never decides, and never looks at a clock.

State is a function of the *set* of facts as far as the facts allow: scans are kept in the order of
their own times, so late ones fall into place; a terminal state is never downgraded; the shop's promise
and the carrier's estimate are two things.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from streams.core import events as facts
from streams.core.contents import differences
from streams.core.detector import (
    ATTEMPT_FAILED,
    DAMAGED,
    DIFFERS,
    REPORTED,
    RETURNING,
    UNDER_WAY,
    WORD_GIVEN,
)
from streams.core.events import Event, PromiseWindow, parse_day_or_instant
from streams.core.ids import fingerprint
from streams.core.order import (
    MAX_CHECKPOINTS,
    MAX_SEEN,
    Case,
    Checkpoint,
    Fulfillment,
    Order,
    Packing,
    Promise,
    Replacement,
    Report,
    Sent,
    Shipment,
    Stamp,
    amended,
    pieces,
)
from streams.core.policy import Policy
from streams.core.zones import day_ends, local_day, offset_at, zone_or

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
_NO_MOVEMENT = frozenset({"unknown", "pre_transit", "expired"})
STOP_FOLLOW_UPS = "stop"  # the word that our follow-up note offers


def evolve(order: Order, event: Event, policy: Policy, mark: int | None = None) -> Order:
    """Return the order as it is after ``event``; the argument is left as it was.

    ``mark`` is the event's fingerprint, for callers that have it already.
    """
    after: Order = order.__copy__()  # type: ignore[attr-defined]  # the C copy itself, without copy()'s search
    seen = (*order.seen, fingerprint(event.source, event.id) if mark is None else mark)
    after.seen = seen if len(seen) <= MAX_SEEN else seen[-MAX_SEEN:]
    change = _CHANGES.get(type(event.fact))
    if change is not None:
        change(after, event, event.fact, policy)
        after.signs = read_signs(after)
    return after


def case_of(order: Order) -> Case:
    """Return a private copy of the order's case, a new one at its first trouble, and put it in place."""
    order.case = copy(order.case) if order.case is not None else Case(case_id=order.case_id)
    return order.case


# ---------------------------------------------------------------------------- orders


def _placed(order: Order, event: Event, fact: facts.OrderPlaced, policy: Policy) -> None:
    order.placed_at = event.occurred_at
    order.placed_event = event.id
    order.replaces = fact.replaces
    # Said in the same moment, a change is news to the order, not the other way round.
    _describe(order, fact.customer, fact.lines, fact.shipping, (event.occurred_at, ""))
    _localize(order, policy)
    if fact.promise is not None and (order.promise is None or order.promise.told_by == "shop"):
        order.promise = _promise(fact.promise, event, order.zone)
    if fact.ship_by is not None and order.ship_by_as_of is None:
        _ship_by(order, fact.ship_by, event.id)
    arrive(order)


def _changed(order: Order, event: Event, fact: facts.OrderChanged, policy: Policy) -> None:
    _describe(order, fact.customer, fact.lines, fact.shipping, (event.occurred_at, event.id))
    _localize(order, policy)
    arrive(order)


def _describe(
    order: Order,
    customer: facts.Customer | None,
    lines: tuple[facts.OrderedLine, ...] | None,
    shipping: facts.Shipping | None,
    stamp: Stamp,
) -> None:
    """Take each part that is said here and was not said later."""
    if customer is not None and (order.customer_as_of is None or order.customer_as_of <= stamp):
        order.customer, order.customer_as_of = customer, stamp
    if lines is not None and (order.lines_as_of is None or order.lines_as_of <= stamp):
        order.lines, order.lines_as_of = lines, stamp
    if shipping is not None and (order.shipping_as_of is None or order.shipping_as_of <= stamp):
        order.shipping_paid, order.address, order.shipping_as_of = shipping.paid, shipping.address, stamp


def _canceled(order: Order, event: Event, fact: facts.OrderCanceled, _policy: Policy) -> None:
    if fact.lines is None:
        order.called_off_at = event.occurred_at
    else:
        order.canceled = pieces((*order.canceled, *fact.lines))
    arrive(order)


def _approved(order: Order, event: Event, fact: facts.PaymentApproved, _policy: Policy) -> None:
    stamp = (event.occurred_at, event.id)
    if order.approved_at is None or (order.approved_at, order.approved_event) <= stamp:
        order.approved_at, order.approved_event = stamp
    if fact.ship_by is not None and (order.ship_by_as_of is None or order.ship_by_as_of <= stamp):
        _ship_by(order, fact.ship_by, event.id)
        order.ship_by_as_of = stamp


def _promise_revised(order: Order, event: Event, fact: facts.PromiseRevised, _policy: Policy) -> None:
    known = order.promise
    if not fact.told_customer:
        return
    stamp = (event.occurred_at, event.id)
    if known is not None and known.told_by == "staff" and (known.told_at or stamp[0], known.event_id) > stamp:
        return
    order.promise = _promise(fact.promise, event, order.zone, staff=True)
    order.word = None


def _ship_by(order: Order, text: str, event_id: str) -> None:
    order.ship_by, order.ship_by_day = _deadline(text, order.zone)
    order.ship_by_event = event_id


def _localize(order: Order, policy: Policy) -> None:
    customer = order.customer
    shop = policy.shop
    country = (
        (customer.country if customer else None) or (order.address.country if order.address else None) or ""
    ).upper()
    order.lane = (shop.country, country if len(country) == 2 and country.isalpha() else shop.country)
    before, order.zone = order.zone, zone_or(customer.time_zone if customer else None, shop.time_zone)
    if order.placed_at is not None:
        order.offset = offset_at(order.placed_at, order.zone)
    if order.zone != before:
        _move_days(order)


def _move_days(order: Order) -> None:
    """Read the days that were named before we knew the customer's zone, or that it moved, in that zone."""
    promise, zone = order.promise, order.zone
    if promise is not None and promise.exact:
        order.promise = replace(promise, by=local_day(promise.ends_at, zone))
    elif promise is not None:
        order.promise = replace(promise, ends_at=day_ends(promise.by, zone))
    if order.ship_by_day is not None:
        order.ship_by = day_ends(order.ship_by_day, zone)
    shipments = []
    for known in order.shipments:
        shipment = known
        if any(scan.estimate_day is not None for scan in known.checkpoints):
            shipment = copy(known)
            shipment.checkpoints = tuple(
                replace(scan, estimate=day_ends(scan.estimate_day, zone)) if scan.estimate_day else scan
                for scan in known.checkpoints
            )
            settle(shipment)
        shipments.append(shipment)
    order.shipments = tuple(shipments)


def _promise(window: PromiseWindow, event: Event, zone: str, *, staff: bool = False) -> Promise:
    ends_at, day = _deadline(window.by, zone)
    return Promise(
        by=day or local_day(ends_at, zone),
        ends_at=ends_at,
        event_id=event.id,
        told_by="staff" if staff else "shop",
        exact=day is None,
        told_at=event.occurred_at,
    )


def _deadline(text: str, zone: str) -> tuple[datetime, date | None]:
    """Return the instant that a text names, and the day when it names a day."""
    moment = parse_day_or_instant(text)
    if isinstance(moment, datetime):
        return moment.astimezone(UTC), None
    return day_ends(moment, zone), moment


# ---------------------------------------------------------------------------- shipments


def _fulfilled(order: Order, event: Event, fact: facts.FulfillmentCreated, _policy: Policy) -> None:
    shipment_id = fact.shipment_id or (fact.fulfillment_id if fact.tracking_number else None)
    made = Fulfillment(fact.fulfillment_id, pieces(fact.lines), shipment_id, event.id, event.occurred_at)
    known = next((f for f in order.fulfillments if f.fulfillment_id == fact.fulfillment_id), None)
    if known is None or (known.created_at, known.event_id) <= (event.occurred_at, event.id):
        others = tuple(f for f in order.fulfillments if f is not known)
        order.fulfillments = tuple(sorted((*others, made), key=lambda f: f.fulfillment_id))
    if shipment_id is not None:
        shipment = _own(order, shipment_id, fact.tracking_number)
        shipment.carrier = fact.carrier or shipment.carrier
        shipment.tracking_number = fact.tracking_number or shipment.tracking_number
        if fact.tracking_number and shipment.created_at is None:
            shipment.created_at = event.occurred_at
            shipment.created_event = event.id
    arrive(order)


def _packed(order: Order, event: Event, fact: facts.ShipmentPacked, _policy: Policy) -> None:
    shipment = _own(order, fact.shipment_id, None)
    packing = shipment.packing
    if packing is None or (packing.packed_at, packing.event_id) < (event.occurred_at, event.id):
        shipment.packing = Packing(pieces(fact.lines), event.occurred_at, event.id)
    arrive(order)


def _shipment_created(order: Order, event: Event, fact: facts.ShipmentCreated, _policy: Policy) -> None:
    shipment = _own(order, fact.shipment_id, fact.tracking_number)
    shipment.carrier = fact.carrier
    if shipment.tracking_number not in {None, fact.tracking_number}:
        shipment.former_numbers = (*shipment.former_numbers, shipment.tracking_number or "")
    shipment.tracking_number = fact.tracking_number
    shipment.created_at = event.occurred_at
    shipment.created_event = event.id
    if fact.lines is not None:
        shipment.lines = pieces(fact.lines)
    arrive(order)


def _checkpoint(order: Order, event: Event, fact: facts.CheckpointReached, _policy: Policy) -> None:
    parcels = len(order.shipments)
    shipment = _own(order, fact.shipment_id, fact.tracking_number)
    estimate = day = None
    if fact.estimated_delivery is not None:
        estimate, day = _deadline(fact.estimated_delivery, order.zone)
    if fact.carrier and shipment.carrier is None:
        shipment.carrier = fact.carrier
    if fact.tracking_number and shipment.tracking_number is None:
        shipment.tracking_number = fact.tracking_number
    scan = Checkpoint(event.occurred_at, fact.status, event.id, fact.reason, fact.responsible, estimate, day)
    scans = shipment.checkpoints
    if not scans or scans[-1].occurred_at < scan.occurred_at or _scan_order(scans[-1]) <= _scan_order(scan):
        shipment.checkpoints = (*scans, scan)
        _apply(shipment, scan)
    else:
        at = bisect_left(scans, _scan_order(scan), key=_scan_order)
        shipment.checkpoints = (*scans[:at], scan, *scans[at:])
        settle(shipment)
    if len(shipment.checkpoints) > MAX_CHECKPOINTS:
        shipment.checkpoints = (scans[0], *shipment.checkpoints[2:])
    if len(order.shipments) == parcels:
        _derive_arrival(order)
    else:
        arrive(order)  # which plan belongs to which box depends on how many there are


def _scan_order(scan: Checkpoint) -> tuple[datetime, int, str]:
    return scan.occurred_at, _RANK[scan.status], scan.event_id


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
        _apply(shipment, scan)


def _apply(shipment: Shipment, scan: Checkpoint) -> None:
    """Move a parcel on by the next scan in time."""
    if scan.estimate is not None:
        shipment.estimate = scan.estimate
        shipment.estimate_event = scan.event_id
    status = scan.status
    if status not in _NO_MOVEMENT:
        shipment.last_scan_at = scan.occurred_at
        if shipment.handed_over_at is None:
            shipment.handed_over_at = scan.occurred_at
        shipment.lost = scan if scan.reason == "lost" else None
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


def _own(order: Order, shipment_id: str | None, tracking_number: str | None) -> Shipment:
    """Return a private copy of a shipment, found by id or tracking number or made, and put it in place."""
    shipments = order.shipments
    if len(shipments) == 1 and tracking_number is None and shipments[0].shipment_id == shipment_id:
        mine: Shipment = shipments[0].__copy__()  # type: ignore[attr-defined]  # as in evolve
        order.shipments = (mine,)
        return mine
    if (
        len(shipments) == 1
        and tracking_number is not None
        and shipments[0].tracking_number == tracking_number
    ):
        mine = shipments[0].__copy__()  # type: ignore[attr-defined]  # as in evolve
        if shipment_id is not None:
            mine.shipment_id = shipment_id
        order.shipments = (mine,)
        return mine
    found = [
        known
        for known in shipments
        if (shipment_id is not None and known.shipment_id == shipment_id)
        or (
            tracking_number is not None
            and (known.tracking_number == tracking_number or tracking_number in known.former_numbers)
        )
    ]
    if found:
        mine = found[0].__copy__()  # type: ignore[attr-defined]  # as in evolve
        if shipment_id is None:
            found = found[:1]
        else:
            mine.shipment_id = shipment_id
    else:
        mine = Shipment(shipment_id=shipment_id or tracking_number or "1", tracking_number=tracking_number)
    for other in found[1:]:
        _merge(mine, other)
    if len(shipments) == len(found):
        order.shipments = (mine,)
    else:
        others = (known for known in shipments if all(known is not one for one in found))
        order.shipments = tuple(sorted((*others, mine), key=lambda s: s.shipment_id))
    return mine


def _merge(mine: Shipment, other: Shipment) -> None:
    """Take what was known of the same parcel under another name: scans may come before the label that ties them."""
    mine.carrier = mine.carrier or other.carrier
    mine.tracking_number = mine.tracking_number or other.tracking_number
    mine.lines = mine.lines if mine.lines is not None else other.lines
    mine.packing = mine.packing or other.packing
    if mine.created_at is None:
        mine.created_at, mine.created_event = other.created_at, other.created_event
    mine.checkpoints = tuple(sorted((*mine.checkpoints, *other.checkpoints), key=_scan_order))
    settle(mine)


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
    for shipment in order.shipments:
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
    _derive_arrival(order)


def _derive_arrival(order: Order) -> None:
    """Derive whether the customer has everything: every parcel there, and every wanted piece in one of them."""
    order.arrived_at = None
    order.awaits_pickup = False
    if order.placed_at is None:
        return
    latest: datetime | None = None
    waiting = elsewhere = False
    there = []
    for shipment in order.shipments:
        at = shipment.delivered_at
        if at is None and order.case is not None:
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


# ---------------------------------------------------------------------------- customers and staff


def _reported(order: Order, event: Event, fact: facts.CustomerReported, _policy: Policy) -> None:
    report = Report(fact.kind, pieces(fact.lines or ()), event.occurred_at, event.id)
    order.reports = tuple(sorted((*order.reports, report), key=lambda r: (r.reported_at, r.event_id)))


def _review_resolved(order: Order, _event: Event, fact: facts.ReviewResolved, _policy: Policy) -> None:
    case = case_of(order)
    troubles = []
    for known in case.troubles:
        trouble = known
        if known.review_id == fact.review_id and known.verdict == "waiting":
            trouble = copy(known)
            trouble.verdict = "approved" if fact.approved else "refused"
        troubles.append(trouble)
    case.troubles = tuple(troubles)


def _chosen(order: Order, _event: Event, fact: facts.ChoiceMade, _policy: Policy) -> None:
    if fact.choice == STOP_FOLLOW_UPS:
        case_of(order).follow_ups_stopped = True


def _return_seen(order: Order, event: Event, fact: facts.ReturnCheckpoint, _policy: Policy) -> None:
    if fact.status in _NO_MOVEMENT:
        return
    case = case_of(order)
    known = {r.return_id for r in case.returns if r.return_id == fact.return_id}
    case.returns = amended(
        case.returns,
        lambda one: (
            (not known or one.return_id in known) and (one.seen_at is None or event.occurred_at < one.seen_at)
        ),
        seen_at=event.occurred_at,
    )


# ---------------------------------------------------------------------------- outcomes


def _label_issued(order: Order, _event: Event, fact: facts.ReturnLabelIssued, _policy: Policy) -> None:
    _amend_return(
        order,
        fact.return_id,
        label_id=fact.label_id,
        carrier=fact.carrier,
        tracking_number=fact.tracking_number,
    )


def _label_refused(order: Order, _event: Event, fact: facts.ReturnLabelRefused, _policy: Policy) -> None:
    _amend_return(order, fact.return_id, refused=True)


def _amend_return(order: Order, return_id: str, **changes: Any) -> None:
    case = case_of(order)
    case.returns = amended(case.returns, lambda one: one.return_id == return_id, **changes)


def _replacement_accepted(
    order: Order, event: Event, fact: facts.ReplacementAccepted, _policy: Policy
) -> None:
    _amend_replacement(order, fact.replacement_id, accepted_at=event.occurred_at)


def _replacement_refused(
    order: Order, _event: Event, fact: facts.ReplacementRefused, _policy: Policy
) -> None:
    _amend_replacement(order, fact.replacement_id, refused=fact.reason)


def _replacement_progressed(
    order: Order, event: Event, fact: facts.ReplacementProgressed, _policy: Policy
) -> None:
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


def _outcome(status: str) -> Callable[[Order, Event, Any, Policy], None]:
    def change(order: Order, event: Event, fact: facts.MessageOutcome, _policy: Policy) -> None:
        case = case_of(order)
        messages = []
        for known in case.messages:
            mine = known
            if known.message_id == fact.message_id and known.status != "accepted":
                mine = copy(known)
                mine.status = status  # type: ignore[assignment]
                if status in {"accepted", "in_doubt"}:
                    _give_word(order, mine, event.id)
            elif known.message_id == fact.message_id and status == "bounced":
                mine = copy(known)
                mine.status = "bounced"
            messages.append(mine)
        case.messages = tuple(messages)

    return change


def _give_word(order: Order, sent: Sent, event_id: str) -> None:
    """Take the ranges in our own mail as promises; a person's word about the order stands above it."""
    if sent.arrives is not None and not _staff_promised(order, sent.queued_at):
        order.word = _own_word(order, sent.arrives.by, event_id)
    if sent.replacement_arrives is not None:
        order.replacement_word = _own_word(order, sent.replacement_arrives.by, event_id)


def _own_word(order: Order, by: date, event_id: str) -> Promise:
    return Promise(by, day_ends(by, order.zone), event_id, "mail")


def _staff_promised(order: Order, moment: datetime) -> bool:
    promise = order.promise
    return promise is not None and promise.told_by == "staff" and promise.ends_at > moment


_CHANGES: dict[type, Callable[[Order, Event, Any, Policy], None]] = {
    facts.OrderPlaced: _placed,
    facts.OrderChanged: _changed,
    facts.OrderCanceled: _canceled,
    facts.PaymentApproved: _approved,
    facts.PromiseRevised: _promise_revised,
    facts.FulfillmentCreated: _fulfilled,
    facts.ShipmentPacked: _packed,
    facts.ShipmentCreated: _shipment_created,
    facts.CheckpointReached: _checkpoint,
    facts.CustomerReported: _reported,
    facts.ChoiceMade: _chosen,
    facts.ReviewResolved: _review_resolved,
    facts.ReturnCheckpoint: _return_seen,
    facts.ReturnLabelIssued: _label_issued,
    facts.ReturnLabelRefused: _label_refused,
    facts.ReplacementAccepted: _replacement_accepted,
    facts.ReplacementRefused: _replacement_refused,
    facts.ReplacementProgressed: _replacement_progressed,
    facts.MessageAccepted: _outcome("accepted"),
    facts.MessageDeferred: _outcome("deferred"),
    facts.MessageRefused: _outcome("refused"),
    facts.MessageInDoubt: _outcome("in_doubt"),
    facts.MessageBounced: _outcome("bounced"),
    facts.MessageSuppressed: _outcome("suppressed"),
}
