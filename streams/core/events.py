"""Every fact that the house knows, in the past tense.

Three groups: what comes in (orders, shipments, customers), what we decide, and what came of it. Each
class names its wire type in ``TYPE``; the version in it only ever grows (``codec/upcast.py`` reads old
ones). Times are timezone-aware UTC ``datetime``; money is in minor units; a *day* is a calendar day in
the customer's zone. Wire shapes of the first two groups: the published schemas in ``schemas/``.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec

from streams.core.money import Money

Quantity = Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="pieces")]
Grams = Annotated[float, msgspec.Meta(ge=0, le=10**8, description="grams")]
Text = Annotated[str, msgspec.Meta(max_length=4_000)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]

Status = Literal[
    "pre_transit",
    "in_transit",
    "out_for_delivery",
    "attempt_failed",
    "available_for_pickup",
    "delivered",
    "exception",
    "return_to_sender",
    "expired",
    "unknown",
]
Responsible = Literal["carrier", "shop", "customer", "customs", "weather", "unknown"]
Kind = Literal[
    "late_delivery",
    "at_risk",
    "stalled_in_transit",
    "never_handed_over",
    "lost",
    "delivery_failed",
    "return_to_sender",
    "damaged",
    "wrong_item",
    "short_shipment",
    "over_shipment",
    "swapped_labels",
]
Severity = Literal["minor", "major", "severe"]


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A part of a fact."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Something that happened to one order."""

    TYPE: ClassVar[str] = ""

    order_id: Name


# ---------------------------------------------------------------------------- parts


class Address(Value, frozen=True, kw_only=True):
    """Where a parcel goes; every field is the customer's own words."""

    name: Text | None = None
    street: Text | None = None
    city: Text | None = None
    region: Text | None = None
    postal_code: Text | None = None
    country: Text | None = None


class Customer(Value, frozen=True, kw_only=True):
    """Who ordered. ``locale`` is BCP 47 (``pt-BR``), ``time_zone`` IANA, ``country`` ISO 3166 alpha-2."""

    customer_id: Name
    email: Text | None = None
    name: Text | None = None
    locale: Text | None = None
    time_zone: Text | None = None
    country: Text | None = None


class OrderedLine(Value, frozen=True, kw_only=True):
    """One article and how many of it were bought."""

    sku: Name
    quantity: Quantity
    line_id: Text | None = None
    title: Text | None = None
    unit_price: Money | None = None
    weight_g: Grams | None = None


class Pieces(Value, frozen=True, kw_only=True):
    """So many pieces of one article, as shipped, scanned or missed."""

    sku: Name
    quantity: Quantity


class Shipping(Value, frozen=True, kw_only=True):
    """How the customer paid to have it sent."""

    method: Text | None = None
    paid: Money | None = None
    address: Address | None = None


class PromiseWindow(Value, frozen=True, kw_only=True):
    """A promise: a day (``2026-11-24``, kept until that day ends for the customer) or an instant."""

    by: Name
    from_: Name | None = msgspec.field(default=None, name="from")

    def __post_init__(self) -> None:
        parse_day_or_instant(self.by)
        if self.from_ is not None:
            parse_day_or_instant(self.from_)


@lru_cache(maxsize=16_384)  # a shop promises few days, and carriers expect few hours
def parse_day_or_instant(text: str) -> date | datetime:
    """Read ``YYYY-MM-DD`` or RFC 3339; a date-time must carry its offset.

    Raises:
        ValueError: the text is neither, or lies outside the years 1990 to 2100.
    """
    if len(text) == 10:
        day = date.fromisoformat(text)
        moment: date | datetime = day
    else:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"{text!r} is a time without an offset; write 2026-11-24T18:00:00Z")
    if not 1990 <= moment.year <= 2100:
        raise ValueError(f"{text!r} lies outside the years 1990 to 2100")
    return moment


# ---------------------------------------------------------------------------- facts in


class OrderPlaced(Fact, frozen=True, kw_only=True):
    """A customer bought something; ``replaces`` names the order that this one makes good."""

    TYPE: ClassVar[str] = "order.placed.v1"

    customer: Customer
    lines: tuple[OrderedLine, ...]
    shipping: Shipping | None = None
    promise: PromiseWindow | None = None
    ship_by: str | None = None
    replaces: Name | None = None

    def __post_init__(self) -> None:
        if self.ship_by is not None:
            parse_day_or_instant(self.ship_by)


class OrderChanged(Fact, frozen=True, kw_only=True):
    """Whole new values for what is present."""

    TYPE: ClassVar[str] = "order.changed.v1"

    customer: Customer | None = None
    lines: tuple[OrderedLine, ...] | None = None
    shipping: Shipping | None = None


class OrderCanceled(Fact, frozen=True, kw_only=True):
    """The customer or the shop called off these lines, or all of them."""

    TYPE: ClassVar[str] = "order.canceled.v1"

    lines: tuple[Pieces, ...] | None = None
    reason: Text | None = None


class PaymentApproved(Fact, frozen=True, kw_only=True):
    """The money is there; the shop now says by when it will ship."""

    TYPE: ClassVar[str] = "payment.approved.v1"

    ship_by: str | None = None

    def __post_init__(self) -> None:
        if self.ship_by is not None:
            parse_day_or_instant(self.ship_by)


class PromiseRevised(Fact, frozen=True, kw_only=True):
    """The shop moved the date; it is a promise only if the customer was told."""

    TYPE: ClassVar[str] = "promise.revised.v1"

    promise: PromiseWindow
    told_customer: bool


class FulfillmentCreated(Fact, frozen=True, kw_only=True):
    """The shop means to ship these lines together."""

    TYPE: ClassVar[str] = "fulfillment.created.v1"

    fulfillment_id: Name
    lines: tuple[Pieces, ...]
    shipment_id: Name | None = None
    carrier: Text | None = None
    tracking_number: Name | None = None
    service: Text | None = None


class ShipmentPacked(Fact, frozen=True, kw_only=True):
    """What the packing station scanned into the box."""

    TYPE: ClassVar[str] = "shipment.packed.v1"

    shipment_id: Name
    lines: tuple[Pieces, ...]
    weight_g: Grams | None = None
    station: Text | None = None


class ShipmentCreated(Fact, frozen=True, kw_only=True):
    """The carrier label exists."""

    TYPE: ClassVar[str] = "shipment.created.v1"

    shipment_id: Name
    carrier: Text
    tracking_number: Name
    lines: tuple[Pieces, ...] | None = None
    service: Text | None = None


class CheckpointReached(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One carrier scan; ``correlate`` finds the order when only the tracking number is known."""

    TYPE: ClassVar[str] = "checkpoint.reached.v1"

    status: Status
    order_id: Name | None = None
    shipment_id: Name | None = None
    tracking_number: Name | None = None
    carrier: Text | None = None
    reason: Text | None = None
    responsible: Text | None = None
    description: Text | None = None
    location: Text | None = None
    estimated_delivery: str | None = None
    weight_g: Grams | None = None

    def __post_init__(self) -> None:
        if self.estimated_delivery is not None:
            parse_day_or_instant(self.estimated_delivery)
        if self.tracking_number is None and (self.order_id is None or self.shipment_id is None):
            raise ValueError("needs `tracking_number`, or `order_id` and `shipment_id`")


class CustomerReported(Fact, frozen=True, kw_only=True):
    """The customer was first; honoured at once and joined to the same case."""

    TYPE: ClassVar[str] = "customer.reported.v1"

    kind: Literal["wrong_item", "missing_item", "damaged", "not_received"]
    lines: tuple[Pieces, ...] | None = None
    text: Text | None = None


class ChoiceMade(Fact, frozen=True, kw_only=True):
    """What the customer clicked or answered."""

    TYPE: ClassVar[str] = "choice.made.v1"

    case_id: Name
    choice: Name


class CustomerReplied(Fact, frozen=True, kw_only=True):
    """The customer answered one of our mails: from now on a person speaks, and nothing automatic does."""

    TYPE: ClassVar[str] = "customer.replied.v1"

    message_id: Name | None = None
    text: Text | None = None


class ReviewResolved(Fact, frozen=True, kw_only=True):
    """A person decided; ``remedies`` narrows what was proposed to these (None: all of it)."""

    TYPE: ClassVar[str] = "review.resolved.v1"

    review_id: Name
    approved: bool
    by: Name
    note: Text | None = None
    remedies: tuple[Name, ...] | None = None


class ReturnCheckpoint(Fact, frozen=True, kw_only=True):
    """The return parcel was seen, or not yet."""

    TYPE: ClassVar[str] = "return.checkpoint.v1"

    return_id: Name
    status: Status


class TimePassed(Fact, frozen=True, kw_only=True):
    """Nothing came until now: silence, written down."""

    TYPE: ClassVar[str] = "time.passed.v1"


# ---------------------------------------------------------------------------- decisions


class Evidence(Value, frozen=True, kw_only=True):
    """An event and the sentence read from it."""

    event_id: str
    reads: str


ReviewReason = Literal[
    "budget",
    "second_failure",
    "kind_needs_person",
    "stale",
    "uncertain",
    "history",
    "storm",
    "label_refused",
    "bounced",
    "reply",
]


class Decision(Fact, frozen=True, kw_only=True):
    """Something the core decided; ``decision_id`` is the same in every run."""

    decision_id: str


class ExceptionOpened(Decision, frozen=True, kw_only=True):
    """Something is wrong with this order."""

    TYPE: ClassVar[str] = "exception.opened.v1"

    exception_id: str
    case_id: str
    kind: Kind
    subject: str
    severity: Severity
    since: datetime
    missing: tuple[Pieces, ...] = ()
    extra: tuple[Pieces, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class ExceptionChanged(Decision, frozen=True, kw_only=True):
    """It got worse, better, or better understood."""

    TYPE: ClassVar[str] = "exception.changed.v1"

    exception_id: str
    case_id: str
    kind: Kind
    subject: str
    severity: Severity
    since: datetime
    missing: tuple[Pieces, ...] = ()
    extra: tuple[Pieces, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class ExceptionCleared(Decision, frozen=True, kw_only=True):
    """It is no longer true."""

    TYPE: ClassVar[str] = "exception.cleared.v1"

    exception_id: str
    case_id: str
    kind: Kind
    subject: str
    severity: Severity
    evidence: tuple[Evidence, ...] = ()


class ReturnLabelRequested(Decision, frozen=True, kw_only=True):
    """Permission to return, and a paid sticker to be bought."""

    TYPE: ClassVar[str] = "return_label.requested.v1"

    case_id: str
    return_id: str
    lines: tuple[Pieces, ...]
    cost: Money
    keep_after: date
    country: str | None = None
    sender: Address | None = None  # where the parcel starts; private, as `PRIVATE` says


class ReplacementRequested(Decision, frozen=True, kw_only=True):
    """The right thing leaves at once, and never waits for the return."""

    TYPE: ClassVar[str] = "replacement.requested.v1"

    case_id: str
    replacement_id: str
    lines: tuple[Pieces, ...]
    expedited: bool
    cost: Money


class GoodwillGranted(Decision, frozen=True, kw_only=True):
    """Credit beyond what is owed."""

    TYPE: ClassVar[str] = "goodwill.granted.v1"

    case_id: str
    goodwill_id: str
    cost: Money


class ShippingRefundGranted(Decision, frozen=True, kw_only=True):
    """The customer paid for a date that we did not keep."""

    TYPE: ClassVar[str] = "shipping_refund.granted.v1"

    case_id: str
    refund_id: str
    cost: Money


class ReviewRequested(Decision, frozen=True, kw_only=True):
    """A person decides about these remedies; until then the mail is held."""

    TYPE: ClassVar[str] = "review.requested.v1"

    case_id: str
    review_id: str
    reason: ReviewReason
    exception_ids: tuple[str, ...]
    remedies: tuple[str, ...]
    cost: Money
    decide_by: datetime | None = None
    to_hash: str | None = None


class ReviewExpired(Decision, frozen=True, kw_only=True):
    """Nobody decided in time: what the policy says for that case was done, under the policy's name."""

    TYPE: ClassVar[str] = "review.expired.v1"

    case_id: str
    review_id: str
    outcome: Literal["approved", "words_only", "refused"]
    by: str


class ReturnWaived(Decision, frozen=True, kw_only=True):
    """What should not be there is worth less than its way back: it is the customer's to keep."""

    TYPE: ClassVar[str] = "return.waived.v1"

    case_id: str
    exception_id: str
    lines: tuple[Pieces, ...]
    value: Money
    saved: Money


class ReturnLabelLapsed(Decision, frozen=True, kw_only=True):
    """Nobody used the label by its day, or nobody can: the money for it is asked back."""

    TYPE: ClassVar[str] = "return_label.lapsed.v1"

    case_id: str
    return_id: str
    label_id: str
    carrier: str
    tracking_number: str
    cost: Money


class RefundGranted(Decision, frozen=True, kw_only=True):
    """Money for what we cannot deliver, by the way it was paid: owed, so no budget is asked."""

    TYPE: ClassVar[str] = "refund.granted.v1"

    case_id: str
    refund_id: str
    lines: tuple[Pieces, ...]
    cost: Money


class AllowanceRequested(Decision, frozen=True, kw_only=True):
    """May this be spent, and may this be said? One place answers for all orders.

    ``customer`` stands for the customer in all of their orders and names nobody. ``owed`` is due by law: the
    brake lets it pass. ``approved`` has a person's word: it is booked and never refused.
    """

    TYPE: ClassVar[str] = "allowance.requested.v1"

    case_id: str
    allowance_id: str
    exception_id: str
    purpose: Literal["remedies", "message"]
    kind: Kind
    customer: str
    costs: tuple[Money, ...] = ()
    carrier: str | None = None
    station: str | None = None
    apology: bool = False
    owed: bool = False
    approved: bool = False


class ReplacementProgressed(Decision, frozen=True, kw_only=True):
    """News of a replacement order, told to the order that it makes good (``order_id``)."""

    TYPE: ClassVar[str] = "replacement.progressed.v1"

    replacement_order_id: str
    promised_by: date | None = None
    status: Literal["placed", "shipped", "delivered", "canceled", "in_trouble", "recovered"]


class LetterLine(Value, frozen=True, kw_only=True):
    """An article as the letter names it."""

    sku: str
    title: str
    quantity: int


class DateRange(Value, frozen=True, kw_only=True):
    """From one day to another, both included, in the customer's zone."""

    from_: date = msgspec.field(name="from")
    by: date


class MixUpSuspected(Decision, frozen=True, kw_only=True):
    """This box holds something else than was planned: is there another box with what this one lacks?

    ``weight_g`` is what was measured and ``expected_g`` what its plan should weigh, both without knowing the
    box; where ``extra`` is empty, weight is all there is to go by.
    """

    TYPE: ClassVar[str] = "mix_up.suspected.v1"

    case_id: str
    shipment_id: str
    station: str
    packed_at: datetime
    missing: tuple[Pieces, ...] = ()
    extra: tuple[Pieces, ...] = ()
    weight_g: float | None = None
    expected_g: float | None = None


class Letter(Value, frozen=True, kw_only=True):
    """All that words may use, and where they go. Private: it never leaves the outbox and the ledger."""

    to: str
    customer_name: str | None = None
    time_zone: str
    country: str | None = None
    kinds: tuple[Kind, ...] = ()
    apologize: bool = False
    second_failure: bool = False
    wrong_lines: tuple[LetterLine, ...] = ()
    missing_lines: tuple[LetterLine, ...] = ()
    order_lines: tuple[LetterLine, ...] = ()
    arrived: bool = False
    promised_by: date | None = None
    arrives: DateRange | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    replacement_id: str | None = None
    replacement_lines: tuple[LetterLine, ...] = ()
    replacement_arrives: DateRange | None = None
    expedited: bool = False
    return_id: str | None = None
    label_id: str | None = None
    label_carrier: str | None = None
    label_tracking_number: str | None = None
    keep_after: date | None = None
    goodwill: Money | None = None
    shipping_refund: Money | None = None
    keep_it: bool = False
    out_of_stock: tuple[LetterLine, ...] = ()
    found: bool = False
    certain: bool = True


class MessageQueued(Decision, frozen=True, kw_only=True):
    """A mail may go out now. ``letter`` is private and absent from the public log."""

    TYPE: ClassVar[str] = "message.queued.v1"

    message_id: str
    case_id: str
    template: str
    locale: str
    to_hash: str
    exception_ids: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()
    letter: Letter | None = None


class MessageHeld(Decision, frozen=True, kw_only=True):
    """A mail waits in the order, to be judged again."""

    TYPE: ClassVar[str] = "message.held.v1"

    message_id: str
    case_id: str
    template: str
    locale: str
    to_hash: str
    reason: Literal["quiet_hours", "window", "label", "review", "settling", "no_address", "storm"]
    until: datetime | None = None


class MessageWithdrawn(Decision, frozen=True, kw_only=True):
    """A held or unsent mail is no longer true; ``queued`` when it had been decided and may be on its way."""

    TYPE: ClassVar[str] = "message.withdrawn.v1"

    message_id: str
    case_id: str
    template: str
    locale: str
    to_hash: str
    reason: Literal["cleared", "superseded", "refused", "canceled", "stale", "no_address"]
    queued: bool = False


# ---------------------------------------------------------------------------- outcomes


class ReturnLabelIssued(Fact, frozen=True, kw_only=True):
    """The sticker was bought; ``label_id`` fetches its PDF from the label store."""

    TYPE: ClassVar[str] = "return_label.issued.v1"

    case_id: str
    return_id: str
    label_id: str
    carrier: str
    tracking_number: str
    cost: Money


class ReturnLabelRefused(Fact, frozen=True, kw_only=True):
    """No sticker could be had; the letter goes without it."""

    TYPE: ClassVar[str] = "return_label.refused.v1"

    case_id: str
    return_id: str
    reason: Text


class ReturnLabelVoided(Fact, frozen=True, kw_only=True):
    """The seller's answer about a label that was not used: ``refunded`` is whether its money comes back."""

    TYPE: ClassVar[str] = "return_label.voided.v1"

    case_id: str
    return_id: str
    label_id: str
    refunded: bool


class ReplacementAccepted(Fact, frozen=True, kw_only=True):
    """The order system took the replacement into its queue."""

    TYPE: ClassVar[str] = "replacement.accepted.v1"

    case_id: str
    replacement_id: str
    reference: Text | None = None


class ReplacementRefused(Fact, frozen=True, kw_only=True):
    """The order system said no, out of stock for example."""

    TYPE: ClassVar[str] = "replacement.refused.v1"

    case_id: str
    replacement_id: str
    reason: Text
    out_of_stock: bool = False


class AllowanceGranted(Fact, frozen=True, kw_only=True):
    """It is booked; ``apology`` is False where this customer has heard us say sorry often enough."""

    TYPE: ClassVar[str] = "allowance.granted.v1"

    case_id: str
    allowance_id: str
    apology: bool = True


class AllowanceHeld(Fact, frozen=True, kw_only=True):
    """Unusually many of one sort at once: it waits until people have looked at some of them."""

    TYPE: ClassVar[str] = "allowance.held.v1"

    case_id: str
    allowance_id: str
    storm_id: str


class AllowanceRefused(Fact, frozen=True, kw_only=True):
    """Above a limit: a person decides. ``reads`` says in a sentence which, and how far it is used up."""

    TYPE: ClassVar[str] = "allowance.refused.v1"

    case_id: str
    allowance_id: str
    limit: Literal["customer", "day", "campaign", "total", "history", "storm"]
    reads: Text = ""


class MixUpFound(Fact, frozen=True, kw_only=True):
    """Two boxes of one station hold each other's goods; ``other_order_id`` is the other one's order."""

    TYPE: ClassVar[str] = "mix_up.found.v1"

    case_id: str
    shipment_id: Name
    other_order_id: Name
    basis: Literal["contents", "weights"]


class MessageOutcome(Fact, frozen=True, kw_only=True):
    """What became of a mail; ``reply`` is the server's word."""

    message_id: str
    case_id: str
    template: str
    locale: str
    to_hash: str
    attempt: int = 1
    reply: Text | None = None


class MessageAccepted(MessageOutcome, frozen=True, kw_only=True):
    """The relay took responsibility for it."""

    TYPE: ClassVar[str] = "message.accepted.v1"


class MessageDeferred(MessageOutcome, frozen=True, kw_only=True):
    """Not now; it will be tried again."""

    TYPE: ClassVar[str] = "message.deferred.v1"


class MessageRefused(MessageOutcome, frozen=True, kw_only=True):
    """Never, by the relay's word or after the last attempt."""

    TYPE: ClassVar[str] = "message.refused.v1"


class MessageInDoubt(MessageOutcome, frozen=True, kw_only=True):
    """The connection died after the final dot: nobody knows, and nobody guesses."""

    TYPE: ClassVar[str] = "message.in_doubt.v1"


class MessageBounced(MessageOutcome, frozen=True, kw_only=True):
    """It came back after it had been accepted."""

    TYPE: ClassVar[str] = "message.bounced.v1"


class MessageSuppressed(MessageOutcome, frozen=True, kw_only=True):
    """Not sent by rule: no usable address, or too old to be true."""

    TYPE: ClassVar[str] = "message.suppressed.v1"


INBOUND: tuple[type[msgspec.Struct], ...] = (
    OrderPlaced,
    OrderChanged,
    OrderCanceled,
    PaymentApproved,
    PromiseRevised,
    FulfillmentCreated,
    ShipmentPacked,
    ShipmentCreated,
    CheckpointReached,
    CustomerReported,
    ChoiceMade,
    ReviewResolved,
    ReturnCheckpoint,
    CustomerReplied,
)
DECISIONS: tuple[type[msgspec.Struct], ...] = (
    ExceptionOpened,
    ExceptionChanged,
    ExceptionCleared,
    ReturnLabelRequested,
    ReplacementRequested,
    ReplacementProgressed,
    GoodwillGranted,
    ShippingRefundGranted,
    ReviewRequested,
    ReviewExpired,
    RefundGranted,
    ReturnLabelLapsed,
    ReturnWaived,
    AllowanceRequested,
    MixUpSuspected,
    MessageQueued,
    MessageHeld,
    MessageWithdrawn,
)
OUTCOMES: tuple[type[msgspec.Struct], ...] = (
    ReturnLabelIssued,
    ReturnLabelRefused,
    ReturnLabelVoided,
    ReplacementAccepted,
    ReplacementRefused,
    AllowanceGranted,
    AllowanceHeld,
    AllowanceRefused,
    MixUpFound,
    MessageAccepted,
    MessageDeferred,
    MessageRefused,
    MessageInDoubt,
    MessageBounced,
    MessageSuppressed,
)

AnyFact = Fact | CheckpointReached


# What stays in the house: in the outbox, in the ledger, and with whoever sells labels.
PRIVATE: dict[type, tuple[str, ...]] = {MessageQueued: ("letter",), ReturnLabelRequested: ("sender",)}

_Said = TypeVar("_Said", bound=AnyFact)


def without_private(fact: _Said) -> _Said:
    """Return a fact as the world may read it: without a letter, and without where somebody lives."""
    names = PRIVATE.get(type(fact), ())
    if all(getattr(fact, name) is None for name in names):
        return fact
    return msgspec.structs.replace(fact, **dict.fromkeys(names))


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact with its identity (``source`` and ``id``), its order, and two of the three times.

    ``occurred_at`` is the source's word; ``recorded_at`` is when we wrote it down. The third time,
    ``now``, is how far recorded time has come, and is a parameter of :func:`streams.core.step.step`.
    """

    id: str
    source: str
    order_id: str
    occurred_at: datetime
    recorded_at: datetime
    fact: AnyFact
