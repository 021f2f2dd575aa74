"""One order as it will have happened: written by the routine, spoiled by a fault, then told to the stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from streams.core.events import Fact, OrderedLine, Pieces, Shipping, Status
from streams.simulate.days import Zone, workdays
from streams.simulate.lanes import HOME_CITIES, Lane
from streams.simulate.people import Person
from streams.simulate.plan import HOME_ZONES


class Scan(NamedTuple):
    """A carrier's scan; ``delay`` is its way to us in seconds, where the plot depends on it."""

    at: int
    status: Status
    place: str | None
    description: str
    reason: str | None = None
    responsible: str | None = None
    estimate: int | None = None
    delay: int | None = None


class Change(NamedTuple):
    """A change or cancellation of the order, and when."""

    at: int
    fact: Fact


class Shop:
    """The sending side: its country, clock, calendar, money and address."""

    __slots__ = ("city", "country", "currency", "source", "warehouse", "workdays", "zone")

    def __init__(self, country: str) -> None:
        self.country = country
        self.zone = Zone(HOME_ZONES[country])
        self.workdays = workdays(country)
        self.currency = {"US": "USD", "BR": "BRL", "DE": "EUR", "GB": "GBP"}[country]
        self.city = HOME_CITIES[country]
        self.source = f"shop/{country.lower()}"
        self.warehouse = f"warehouse/{country.lower()}"


@dataclass(slots=True)
class Box:
    """One fulfillment and the parcel it becomes. Days are numbers, the rest are moments.

    ``packed`` is what was scanned into the box, ``pieces`` what should be, and ``holds`` what lies in it where the
    scan is wrong. ``told_delay`` is how long the warehouse's
    words take to arrive, in seconds, where the plot depends on it.
    """

    fulfillment_id: str
    shipment_id: str
    tracking_number: str
    carrier: str
    service: str
    pieces: tuple[Pieces, ...]
    packed: tuple[Pieces, ...]
    fulfilled_at: int
    packed_at: int
    labeled_at: int
    picked_up: int
    arrives: int
    station: str
    scans: list[Scan] = field(default_factory=list)
    told_delay: int | None = None
    holds: tuple[Pieces, ...] | None = None

    def delivered_at(self) -> int | None:
        """Return when the carrier handed it to the customer; a scan back at the shop is not that."""
        back = False
        for scan in self.scans:
            back = back or scan.status == "return_to_sender"
            if scan.status == "delivered" and not back:
                return scan.at
        return None


@dataclass(slots=True)
class Draft:
    """One order: what was bought, promised and shipped. ``promise`` and ``ship_by`` are days."""

    order_id: str
    number: int
    person: Person
    lane: Lane
    shop: Shop
    placed_at: int
    lines: tuple[OrderedLine, ...]
    shipping: Shipping
    ship_by: int
    promise: int
    promise_from: int | None = None
    approved_at: int | None = None
    boxes: list[Box] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    replaces: str | None = None

    def delivered_at(self) -> int | None:
        """Return when the last box reached the customer, or None when one never did."""
        latest = 0
        for box in self.boxes:
            at = box.delivered_at()
            if at is None:
                return None
            latest = max(latest, at)
        return latest or None
