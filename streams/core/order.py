"""The state of one order: everything we know, and everything we have done about it.

Structs are plain slots for speed, but nobody assigns to one outside ``streams/core``: ``evolve`` works
on private copies, so a state that was handed out never changes. None of them can be part of a cycle, so
Python's cycle collector is told not to look at them: on a million orders it looks for a quarter of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeVar

import msgspec

from streams.core.events import (
    Address,
    Customer,
    DateRange,
    Evidence,
    Kind,
    OrderedLine,
    Pieces,
    Severity,
    Status,
)
from streams.core.ids import identify
from streams.core.money import Money
from streams.core.workdays import Lane

Stamp = tuple[datetime, str]
"""When something was said, and in which event: the later one stands, whichever came to us first."""

MAX_SEEN = 1024  # event ids an order remembers; the oldest are forgotten first
MAX_CHECKPOINTS = 64  # scans kept of one parcel; the earliest after the first are forgotten


class Promise(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the customer was told. ``ends_at`` is the first instant at which it is broken."""

    by: date
    ends_at: datetime
    event_id: str
    told_by: Literal["shop", "staff", "mail"] = "shop"
    exact: bool = False
    told_at: datetime | None = None


class Checkpoint(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One carrier scan, as kept."""

    occurred_at: datetime
    status: Status
    event_id: str
    reason: str | None = None
    responsible: str | None = None
    estimate: datetime | None = None
    estimate_day: date | None = None


class Fulfillment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the shop meant to put into one box."""

    fulfillment_id: str
    lines: tuple[Pieces, ...]
    shipment_id: str | None
    event_id: str
    created_at: datetime


class Packing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the station scanned into the box."""

    lines: tuple[Pieces, ...]
    packed_at: datetime
    event_id: str
    weight_g: float | None = None
    station: str | None = None


class Shipment(msgspec.Struct, array_like=True, gc=False):
    """One parcel. The fields behind ``checkpoints`` are derived from it by :func:`streams.core.evolve.parcels.settle`."""

    shipment_id: str
    carrier: str | None = None
    tracking_number: str | None = None
    lines: tuple[Pieces, ...] | None = None
    created_at: datetime | None = None
    created_event: str = ""
    former_numbers: tuple[str, ...] = ()
    packing: Packing | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    status: Status = "pre_transit"
    handed_over_at: datetime | None = None
    last_scan_at: datetime | None = None
    delivered_at: datetime | None = None
    returning: Checkpoint | None = None
    lost: Checkpoint | None = None
    damaged: Checkpoint | None = None
    estimate: datetime | None = None
    estimate_event: str = ""
    weight_g: float | None = None  # the least that a carrier weighed it at: they round up
    weighed_by: str = ""  # the event that said so

    @property
    def at_rest(self) -> bool:
        """True when no further scan is owed: it is there, on its way back, or waits for the customer."""
        return (
            self.delivered_at is not None
            or self.returning is not None
            or self.status == "available_for_pickup"
        )


class Report(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The customer was first."""

    kind: Literal["wrong_item", "missing_item", "damaged", "not_received"]
    lines: tuple[Pieces, ...]
    reported_at: datetime
    event_id: str


class Difference(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One box whose packing scan differs from its plan."""

    shipment_id: str
    packed_at: datetime
    missing: tuple[Pieces, ...]
    extra: tuple[Pieces, ...]
    evidence: tuple[Evidence, ...]


class MixUp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A box of which we asked whether another order's box has what it lacks; ``other_order_id`` once one has.

    ``digest`` stands for what was in the box when we asked: packed anew, it is another question.
    """

    shipment_id: str
    digest: str
    other_order_id: str = ""
    basis: Literal["contents", "weights"] = "contents"
    event_id: str = ""


class Trouble(msgspec.Struct, array_like=True, gc=False):
    """An exception of this order: open until ``cleared_at``.

    ``stage`` is 1 for a first failure and 2 for a second; ``responded`` and ``told`` say how far we
    have come with it. ``since`` is when it became true, ``opened_at`` when we saw it.
    """

    exception_id: str
    kind: Kind
    subject: str
    severity: Severity
    since: datetime
    opened_at: datetime
    staged_at: datetime
    missing: tuple[Pieces, ...] = ()
    extra: tuple[Pieces, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    stage: int = 1
    changes: int = 0
    responded: int = 0
    told: int = 0
    round: int = 0
    cleared_at: datetime | None = None
    review_id: str | None = None
    verdict: Literal["none", "waiting", "approved", "words_only", "refused"] = "none"
    decide_by: datetime | None = None
    allowed: tuple[str, ...] | None = None  # what a person let through of the remedies
    found_told: bool = False
    expired: bool = False  # nobody decided in time: what followed has no person's word
    certainty: Literal["certain", "likely", "possible"] = "certain"


class Replacement(msgspec.Struct, array_like=True, gc=False):
    """A second shipment that we pay for; ``order_id`` once the order system has placed it."""

    replacement_id: str
    lines: tuple[Pieces, ...]
    requested_at: datetime
    expedited: bool
    exception_id: str = ""
    accepted_at: datetime | None = None
    refused: str | None = None
    order_id: str | None = None
    status: Literal["requested", "placed", "shipped", "delivered", "canceled"] = "requested"
    delivered_at: datetime | None = None
    troubled: bool = False
    promised_by: date | None = None
    told_by: date | None = None
    asked: bool = False  # refused, and a person was asked about it, or the customer
    out_of_stock: bool = False
    choice: str | None = None  # what the customer wants instead: refund or wait
    settled: bool = False  # that choice was acted upon
    waited: bool = False  # ordered again for a customer who waits, who has not heard that it leaves

    @property
    def stands(self) -> bool:
        """True while nobody has refused it or called it off."""
        return self.refused is None and self.status != "canceled"

    @property
    def to_choose(self) -> bool:
        """True while it cannot be shipped and its customer has not said what they would like instead."""
        return self.out_of_stock and self.choice is None


class Return(msgspec.Struct, array_like=True, gc=False):
    """Permission to send something back, with a prepaid label; ``seen_at`` is its first scan."""

    return_id: str
    lines: tuple[Pieces, ...]
    requested_at: datetime
    keep_after: date
    label_id: str | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    refused: bool = False
    seen_at: datetime | None = None
    follow_ups: int = 0
    exception_id: str = ""
    awaited: bool = False  # the mail went without it
    enclosed: bool = False  # a mail carried it
    cost: Money | None = None
    lapsed: bool = False
    asked: bool = False  # refused, and a person was asked how else it may come back


class Sent(msgspec.Struct, array_like=True, gc=False):
    """A mail that was decided, and what became of it."""

    message_id: str
    template: str
    locale: str
    to_hash: str
    queued_at: datetime
    exception_ids: tuple[str, ...] = ()
    arrives: DateRange | None = None
    replacement_arrives: DateRange | None = None
    status: Literal[
        "queued", "accepted", "deferred", "refused", "in_doubt", "bounced", "suppressed", "withdrawn"
    ] = "queued"
    asked: bool = False  # it came back, and a person was asked about it
    retold: bool = False  # it came back, and went to another address
    apologized: bool = False
    nobody_there: bool = False  # it came back because there is no such mailbox


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mail that waits in the order."""

    message_id: str
    template: str
    reason: str
    until: datetime | None
    locale: str = ""
    to_hash: str = ""


class Allowance(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one place for all orders was asked, and what it said; ``about`` is the mail, or the trouble's round."""

    allowance_id: str
    about: str = ""
    status: Literal["asked", "granted", "held", "refused"] = "asked"
    apology: bool = True
    limit: str = ""
    costs: tuple[Money, ...] = ()

    @property
    def is_open(self) -> bool:
        """True while nobody has said yes or no."""
        return self.status in {"asked", "held"}


class Case(msgspec.Struct, array_like=True, gc=False):
    """All that is wrong with an order, and all that we have done about it: one mail thread."""

    case_id: str
    troubles: tuple[Trouble, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    returns: tuple[Return, ...] = ()
    messages: tuple[Sent, ...] = ()
    granted: tuple[str, ...] = ()
    spent: tuple[Money, ...] = ()
    goodwill: Money | None = None
    shipping_refund: Money | None = None
    apologized: int = 0
    held: Held | None = None
    follow_ups_stopped: bool = False
    turns: int = (
        0  # mails held and taken back so far: the same may happen to one mail again, and is said again
    )
    allowances: tuple[Allowance, ...] = ()
    waived: tuple[str, ...] = ()  # exceptions whose wrong pieces are the customer's to keep
    barred: tuple[str, ...] = ()  # hashes of addresses that mail came back from
    replies: int = 0
    replies_answered: int = 0  # up to here a person has let automatic mail go on
    replies_asked: int = 0
    reply_reviews: tuple[str, ...] = ()  # a yes to one of them lets automatic mail go on
    handed: tuple[str, ...] = ()  # exceptions that whoever speaks with the customer has heard of
    unheard: bool = False  # what was granted stood in a mail that came back, and is said again


class Order(msgspec.Struct, array_like=True, gc=False):
    """One order. Before ``placed_at`` is known, only what came early is kept and nothing is judged."""

    order_id: str
    seen: bytes = b""  # fingerprints of its events, one behind the other
    placed_at: datetime | None = None
    placed_event: str = ""
    customer: Customer | None = None
    zone: str = "UTC"
    offset: timedelta = timedelta(0)
    lane: Lane = ("", "")
    lines: tuple[OrderedLine, ...] = ()
    shipping_paid: Money | None = None
    address: Address | None = None
    replaces: str | None = None
    promise: Promise | None = None
    word: Promise | None = None
    replacement_word: Promise | None = None
    ship_by: datetime | None = None
    ship_by_event: str = ""
    ship_by_day: date | None = None
    ship_by_as_of: Stamp | None = None
    approved_at: datetime | None = None
    approved_event: str = ""
    canceled: tuple[Pieces, ...] = ()
    called_off_at: datetime | None = None
    canceled_at: datetime | None = None
    customer_as_of: Stamp | None = None
    lines_as_of: Stamp | None = None
    shipping_as_of: Stamp | None = None
    fulfillments: tuple[Fulfillment, ...] = ()
    shipments: tuple[Shipment, ...] = ()
    reports: tuple[Report, ...] = ()
    differences: tuple[Difference, ...] = ()
    signs: int = 0
    arrived_at: datetime | None = None
    awaits_pickup: bool = False
    case: Case | None = None
    relayed: tuple[str, ...] = ()
    wake_at: datetime | None = None
    still_at: datetime | None = None  # the earliest alarm among those that an ordinary scan does not put off
    mix_ups: tuple[MixUp, ...] = ()

    @property
    def case_id(self) -> str:
        """The case; a replacement belongs to the case of the order that it makes good."""
        return identify("case", self.replaces or self.order_id)

    @property
    def international(self) -> bool:
        """True when the parcel crosses a border."""
        return self.lane[0] != self.lane[1]

    @property
    def currency(self) -> str | None:
        """The currency of the order, or None when no price is known."""
        for line in self.lines:
            if line.unit_price is not None:
                return line.unit_price.currency
        return self.shipping_paid.currency if self.shipping_paid is not None else None

    def parcel_of(self, subjects: set[str]) -> Shipment | None:
        """Return the first parcel that one of these troubles is about, or the only one."""
        mine = next((one for one in self.shipments if one.shipment_id in subjects), None)
        return mine or (self.shipments[0] if len(self.shipments) == 1 else None)

    def ordered_line(self, sku: str) -> OrderedLine | None:
        """Return the line that bought ``sku``."""
        for line in self.lines:
            if line.sku == sku:
                return line
        return None

    def expected_in(self, shipment: Shipment) -> tuple[Pieces, ...] | None:
        """Return what was meant to be in a box: its fulfillments' lines, else its own, else unknown."""
        meant = None
        for plan in self.fulfillments:
            if plan.shipment_id == shipment.shipment_id:
                meant = plan.lines if meant is None else pieces((*meant, *plan.lines))
        if meant is not None:
            return meant
        if shipment.lines is not None:
            return shipment.lines
        loose = [f for f in self.fulfillments if f.shipment_id is None]
        if len(loose) == 1 and len(self.fulfillments) == 1 and len(self.shipments) == 1:
            return loose[0].lines
        return None

    def made_good(self, subject: str, kind: Kind | None = None) -> datetime | None:
        """Return when the replacement for a troubled shipment arrived, or None."""
        case = self.case
        if case is None or not case.replacements:
            return None
        ids = {
            trouble.exception_id
            for trouble in case.troubles
            if trouble.subject == subject and kind in {None, trouble.kind}
        }
        for done in case.replacements:
            if done.delivered_at is not None and done.exception_id in ids:
                return done.delivered_at
        return None

    def wanted(self) -> dict[str, int]:
        """Return the pieces that the customer still wants, by sku."""
        counts: dict[str, int] = {}
        for line in self.lines:
            counts[line.sku] = counts.get(line.sku, 0) + line.quantity
        for gone in self.canceled:
            if gone.sku in counts:
                counts[gone.sku] = max(0, counts[gone.sku] - gone.quantity)
        return counts if all(counts.values()) else {sku: count for sku, count in counts.items() if count}


def pieces(lines: object) -> tuple[Pieces, ...]:
    """Add up lines by sku, in order of first appearance."""
    counts: dict[str, int] = {}
    added_up = type(lines) is tuple
    for line in lines:  # type: ignore[attr-defined]  # anything with sku and quantity
        sku, quantity = line.sku, line.quantity
        if sku in counts:
            added_up = False
            quantity += counts[sku]
        elif not quantity or type(line) is not Pieces:
            added_up = False
        counts[sku] = quantity
    if added_up:  # mostly: nothing to copy
        return lines  # type: ignore[return-value]  # a tuple of pieces, as it was seen
    return tuple(Pieces(sku=sku, quantity=count) for sku, count in counts.items() if count)


_Part = TypeVar("_Part", Replacement, Return, Sent)


def amended(parts: tuple[_Part, ...], chosen: Callable[[_Part], bool], **changes: Any) -> tuple[_Part, ...]:
    """Return ``parts`` with private, changed copies of the chosen ones; the others are as they were."""
    result = []
    for part in parts:
        mine = part
        if chosen(part):
            mine = copy(part)
            for name, value in changes.items():
                setattr(mine, name, value)
        result.append(mine)
    return tuple(result)


def new_order(order_id: str) -> Order:
    """Return an order of which nothing is known."""
    return Order(order_id=order_id)
