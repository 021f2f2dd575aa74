"""What the fold remembers of orders, cases, mails and reviews, and what facts do to it: no database in here.

Facts of one order come in their order, except that an event may be read long before or after the decisions
that stand between: whatever needs both keeps what it has and waits for the other half.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.core import events as facts
from streams.core.events import Event, MessageOutcome
from streams.core.ids import address_hash
from streams.core.money import Money
from streams.ops.read_model.spending import Behind
from streams.ops.read_model.tables import clean, text_of
from streams.pipeline.correlate import normal

_WEIGHT = {"minor": 0, "major": 1, "severe": 2}
_SILENT = {"unknown"}  # scans that say nothing about where a parcel is
_Announced = facts.ShipmentCreated | facts.FulfillmentCreated


class Parcel(msgspec.Struct, array_like=True):
    """One parcel: how the shop and the carrier call it, and its latest scan."""

    shipment_id: str | None
    number: str | None
    status: str = ""
    at: datetime | None = None


class Box(msgspec.Struct, array_like=True):
    """One parcel by the shop's name for it: who carries it, and where it was packed; empty where nobody said."""

    carrier: str = ""
    station: str = ""


class OrderState(msgspec.Struct, array_like=True):
    """One order; times are by the source's word, ``last_at`` is when we last heard or decided something."""

    order_id: str
    placed_at: datetime | None = None
    customer_at: datetime | None = None
    customer_hash: str | None = None
    email_hash: str | None = None
    country: str = ""
    canceled: bool = False
    last_at: datetime | None = None
    parcels: list[Parcel] = []
    open: dict[str, str] = {}
    boxes: dict[str, Box] = {}

    @property
    def standing(self) -> str:
        """Where it stands in one word: ``unplaced placed shipped delivered returning canceled``."""
        if self.canceled:
            return "canceled"
        stands = {parcel.status for parcel in self.parcels} - {"", "pre_transit"}
        if "return_to_sender" in stands:
            return "returning"
        if stands == {"delivered"} and all(parcel.status == "delivered" for parcel in self.parcels):
            return "delivered"
        if stands:
            return "shipped"
        return "unplaced" if self.placed_at is None else "placed"

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return ["orders"]


class TroubleState(msgspec.Struct, array_like=True):
    """One exception, open until ``cleared_at``."""

    exception_id: str
    case_id: str
    order_id: str
    kind: str
    subject: str
    severity: str
    since: datetime
    opened_at: datetime
    cleared_at: datetime | None = None
    evidence: tuple[str, ...] = ()

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return [f"open.{self.kind}"] if self.cleared_at is None else []


class CaseState(msgspec.Struct, array_like=True):
    """One case: what is open in it, by exception, and the reviews that wait for a person, with their exceptions.

    ``behind`` is every trouble that it ever had, by exception, and by replacement what that was for; ``latest`` is
    the newest exception of each of its orders.
    """

    case_id: str
    order_id: str
    open: dict[str, tuple[str, str, datetime]] = {}
    reviews: dict[str, tuple[str, ...]] = {}
    told_at: datetime | None = None
    mails: int = 0
    behind: dict[str, Behind] = {}
    latest: dict[str, str] = {}

    @property
    def since(self) -> datetime | None:
        """When the oldest of what is open became true."""
        return min((since for _, _, since in self.open.values()), default=None)

    @property
    def severity(self) -> str:
        """The worst of what is open."""
        return max(
            (severity for _, severity, _ in self.open.values()), key=_WEIGHT.__getitem__, default="minor"
        )

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return ["open_cases"] if self.open else []


class ReviewState(msgspec.Struct, array_like=True):
    """A question to a person. ``standing`` is ``open``, ``resolved``, ``moot``, or ``early``: answered before asked."""

    review_id: str
    order_id: str
    standing: str = "early"
    case_id: str = ""
    reason: str = ""
    remedies: tuple[str, ...] = ()
    exception_ids: tuple[str, ...] = ()
    cost: Money | None = None
    asked_at: datetime | None = None
    resolved_at: datetime | None = None
    approved: bool | None = None
    by: str = ""
    note: str = ""

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return ["reviews"] if self.standing == "open" else []


class MessageState(msgspec.Struct, array_like=True):
    """A mail. ``standing`` is ``held``, ``queued``, ``withdrawn``, or the word of its last outcome."""

    message_id: str
    order_id: str
    case_id: str
    template: str
    locale: str
    standing: str
    changed_at: datetime
    held_since: datetime | None = None
    queued_at: datetime | None = None
    reason: str = ""
    until: datetime | None = None
    attempt: int = 0
    reply: str = ""

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return [f"message.{self.standing}"]


# ---------------------------------------------------------------------------- events


def hear(order: OrderState, event: Event) -> None:
    """Note what an event says about an order and its parcels."""
    order.last_at = max(order.last_at or event.recorded_at, event.recorded_at)
    fact = event.fact
    _handle(order, fact)
    if isinstance(fact, facts.OrderPlaced):
        order.placed_at = order.placed_at or event.occurred_at
        _know(order, fact.customer, fact.shipping, event.occurred_at)
    elif isinstance(fact, facts.OrderChanged):
        _know(order, fact.customer, fact.shipping, event.occurred_at)
    elif isinstance(fact, facts.OrderCanceled):
        order.canceled = order.canceled or fact.lines is None
    elif isinstance(fact, _Announced):
        if isinstance(fact, facts.ShipmentCreated) or fact.tracking_number is not None:
            _announce(order, fact)
    elif isinstance(fact, facts.CheckpointReached) and fact.status not in _SILENT:
        _scan(order, fact, event.occurred_at)


def _handle(order: OrderState, fact: facts.AnyFact) -> None:
    """Note who packs and who carries a parcel; the latest word that names anybody counts."""
    shipment_id = getattr(fact, "shipment_id", None)
    if not isinstance(shipment_id, str):
        return
    if isinstance(fact, _Announced) and fact.carrier:
        order.boxes.setdefault(shipment_id, Box()).carrier = clean(fact.carrier)
    elif isinstance(fact, facts.ShipmentPacked) and fact.station:
        order.boxes.setdefault(shipment_id, Box()).station = clean(fact.station)


def _know(
    order: OrderState, customer: facts.Customer | None, shipping: facts.Shipping | None, at: datetime
) -> None:
    """Take the customer's latest word, whichever came to us first."""
    if order.customer_at is not None and at < order.customer_at:
        return
    order.customer_at = at
    if customer is not None:
        order.customer_hash = address_hash(customer.customer_id)
        order.email_hash = address_hash(customer.email) if customer.email else None
        order.country = clean(customer.country or "")[:64]
    if not order.country and shipping is not None and shipping.address is not None:
        order.country = clean(shipping.address.country or "")[:64]


def _announce(order: OrderState, fact: _Announced) -> None:
    parcel = _find(order, fact.shipment_id, fact.tracking_number)
    parcel.shipment_id = fact.shipment_id or parcel.shipment_id
    parcel.number = clean(fact.tracking_number) if fact.tracking_number else parcel.number


def _scan(order: OrderState, fact: facts.CheckpointReached, at: datetime) -> None:
    parcel = _find(order, fact.shipment_id, fact.tracking_number)
    if parcel.at is None or at >= parcel.at:
        parcel.status, parcel.at = fact.status, at


def _find(order: OrderState, shipment_id: str | None, number: str | None) -> Parcel:
    key = normal(number or "")
    for parcel in order.parcels:
        if key and normal(parcel.number or "") == key:
            return parcel
        if shipment_id is not None and parcel.shipment_id == shipment_id:
            return parcel
    found = Parcel(shipment_id, clean(number) if number else None)
    order.parcels.append(found)
    return found


def numbers(fact: facts.AnyFact) -> str:
    """Return the tracking number that a fact announces, as look-ups compare them; empty when it announces none."""
    if isinstance(fact, (facts.ShipmentCreated, facts.FulfillmentCreated, facts.ReturnLabelIssued)):
        return normal(fact.tracking_number or "")
    return ""


def resolve(review: ReviewState, fact: facts.ReviewResolved, at: datetime) -> None:
    """Note a person's answer; the first one stands."""
    if review.resolved_at is not None:
        return
    review.resolved_at, review.approved = at, fact.approved
    review.by, review.note = clean(fact.by), clean(fact.note or "")
    review.standing = "resolved" if review.asked_at is not None else "early"


def expire(review: ReviewState, fact: facts.ReviewExpired, at: datetime) -> None:
    """Note that nobody answered in time; a person's answer that came before stands."""
    if review.resolved_at is not None:
        return
    review.resolved_at, review.approved = at, fact.outcome == "approved"
    review.by, review.note = clean(fact.by), fact.outcome.replace("_", " ")
    review.standing = "resolved"


# ---------------------------------------------------------------------------- decisions


def opened(fact: facts.ExceptionOpened | facts.ExceptionChanged, now: datetime) -> TroubleState:
    """Return an exception as it was opened."""
    return TroubleState(
        fact.exception_id,
        fact.case_id,
        fact.order_id,
        fact.kind,
        clean(fact.subject),
        fact.severity,
        fact.since,
        now,
        None,
        tuple(clean(one.reads) for one in fact.evidence),
    )


def asked(review: ReviewState, fact: facts.ReviewRequested, now: datetime) -> None:
    """Note the question; it may have been answered before we read it."""
    review.case_id, review.reason, review.remedies = fact.case_id, fact.reason, fact.remedies
    review.exception_ids, review.cost, review.asked_at = fact.exception_ids, fact.cost, now
    review.standing = "open" if review.resolved_at is None else "resolved"


def moved(
    known: MessageState | None,
    fact: facts.MessageHeld | facts.MessageQueued | facts.MessageWithdrawn | MessageOutcome,
    now: datetime,
) -> MessageState:
    """Return a mail after a decision about it, or after what came of it."""
    mail = known or MessageState(
        fact.message_id, fact.order_id, fact.case_id, fact.template, fact.locale, "", now
    )
    mail.changed_at, mail.reason, mail.until = now, "", None
    if isinstance(fact, MessageOutcome):
        mail.standing = fact.TYPE.split(".")[1]
        mail.attempt, mail.reply = fact.attempt, clean(fact.reply or "")
    elif isinstance(fact, facts.MessageQueued):
        mail.standing, mail.queued_at = "queued", now
        mail.template, mail.locale = fact.template, fact.locale
    elif isinstance(fact, facts.MessageHeld):
        mail.held_since = now if mail.standing != "held" or mail.held_since is None else mail.held_since
        mail.standing, mail.reason, mail.until, mail.template = "held", fact.reason, fact.until, fact.template
    else:
        mail.standing, mail.reason = "withdrawn", fact.reason
    return mail


def words(state: OrderState) -> dict[str, object]:
    """Return the columns of an order beside its state."""
    return {
        "order_id": state.order_id,
        "customer_hash": state.customer_hash,
        "email_hash": state.email_hash,
        "placed_at": None if state.placed_at is None else text_of(state.placed_at),
        "country": state.country,
        "standing": state.standing,
        "open_kinds": " ".join(sorted(set(state.open.values()))),
        "last_at": "" if state.last_at is None else text_of(state.last_at),
    }
