"""What to simulate: seed, size, rate, how often things go wrong, and how untidy the stream is."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import msgspec

from streams.problems import UsageProblem
from streams.simulate.days import day_of, utc, zone

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Country = Literal["US", "BR", "DE", "GB"]
HOME_ZONES = {
    "US": "America/New_York",
    "BR": "America/Sao_Paulo",
    "DE": "Europe/Berlin",
    "GB": "Europe/London",
}


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Share of orders that each fault is planted in; together 7 % unless told otherwise.

    The order of the fields is the order in which the deck is laid: changing it changes every world.
    """

    late_delivery: Share = 0.015
    at_risk: Share = 0.008
    stalled_in_transit: Share = 0.007
    lost: Share = 0.005
    damaged: Share = 0.005
    delivery_failed: Share = 0.007
    return_to_sender: Share = 0.004
    never_handed_over: Share = 0.005
    wrong_item: Share = 0.007
    short_shipment: Share = 0.004
    over_shipment: Share = 0.003

    def total(self) -> float:
        """Return the share of orders that have any fault."""
        return float(sum(msgspec.structs.astuple(self)))


NO_FAULTS = Rates(**dict.fromkeys(Rates.__struct_fields__, 0.0))


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """How untidy the arrival is, as shares of events (``early_scan``: of parcels).

    ``duplicate``: the same event again, later. ``delayed``: minutes to hours late instead of seconds.
    ``early_scan``: the carrier scans before the shop's word about the tracking number arrives.
    ``unknown_scan``: a scan that says nothing. ``stranger``: a scan of a number that nobody knows.
    """

    duplicate: Share = 0.02
    delayed: Share = 0.05
    early_scan: Share = 0.04
    unknown_scan: Share = 0.01
    stranger: Share = 0.002


QUIET = Noise(duplicate=0, delayed=0, early_scan=0, unknown_scan=0, stranger=0)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A world to simulate; the default is the demo's: one week, Monday to Sunday, before Thanksgiving.

    ``orders`` are placed over ``days`` calendar days from ``start`` in the shop's zone; the rate of the
    stream is their quotient. ``first_order`` numbers the orders, so that worlds can be laid side by side.
    ``customers`` is how many people shop here (by default four for every five orders, at most 20,000).
    ``run_on_days`` is how long history runs on after the last day of shopping. ``swapped`` is the share of orders
    that are packed into the box of another order, which comes on top, and the other way round; at ``unscanned``
    of them the station scans what should be there. At ``misread`` of the orders of several lines it scans one
    article twice and another not at all, and packs the right ones. ``scale_g`` is by how many grams scales and
    cartons vary.

    Raises:
        UsageProblem: a size is not positive, the faults exceed all orders, or the home is unknown.
    """

    seed: int = 7
    start: date = date(2026, 11, 16)
    days: int = 7
    orders: int = 600
    faults: Rates = Rates()
    noise: Noise = Noise()
    home: Country = "US"
    changed: Share = 0.02
    canceled: Share = 0.015
    customers: int | None = None
    first_order: int = 1001
    run_on_days: int = 60
    swapped: Share = 0.0
    unscanned: Share = 0.0
    misread: Share = 0.0
    scale_g: float = 0.0

    def __post_init__(self) -> None:
        if self.days < 1 or self.orders < 0 or self.first_order < 0 or (self.customers or 1) < 1:
            raise UsageProblem(
                "simulate-size",
                "a simulated shop needs at least one day and one customer, and no negative number",
                why=f"days={self.days} orders={self.orders} customers={self.customers}",
                hint="firstword simulate --orders 600 --days 7",
            )
        if self.faults.total() + self.changed + self.canceled + self.swapped > 1:
            raise UsageProblem(
                "simulate-rates",
                "faults, changes and cancellations together exceed all orders",
                why=f"faults {self.faults.total():.0%}, changed {self.changed:.0%}, canceled {self.canceled:.0%}",
                hint="lower the rates until they add up to at most 1",
            )
        if self.home not in HOME_ZONES:
            raise UsageProblem(
                "simulate-home",
                f"there is no shop in {self.home!r}",
                hint=f"choose one of {', '.join(HOME_ZONES)}",
            )

    @property
    def population(self) -> int:
        """How many people shop here."""
        return self.customers or max(1, min(self.orders * 4 // 5, 20_000))

    @property
    def until(self) -> datetime:
        """When history ends: the shop's midnight, ``run_on_days`` after the last day of shopping."""
        return utc(zone(HOME_ZONES[self.home]).midnight(day_of(self.start) + self.days + self.run_on_days))
