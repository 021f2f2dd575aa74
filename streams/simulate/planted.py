"""What a fault leaves behind: the truth about one order, and when a reasonable system can know it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from streams.core.events import Kind, Pieces
from streams.simulate.dice import Dice
from streams.simulate.draft import Box, Draft


class Planted(NamedTuple):
    """A fault in an order.

    ``visible_at``: from this moment on a reasonable system knows. ``may``: further kinds that are true as
    well, so that telling them is no false alarm. ``missing``: what a replacement has to bring; empty when
    none is owed. ``label``: a return label is owed. ``returns``: whether the customer uses it.
    """

    kind: Kind
    visible_at: int
    may: tuple[Kind, ...] = ()
    missing: tuple[Pieces, ...] = ()
    label: bool = False
    returns: bool = False


class OrderTruth(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about one planted order; all other orders are to be told nothing.

    ``noticed_at`` is when the customer would have noticed unaided: at delivery, or at noon of the day
    after the promised one. ``follow_up``: the one note about an unused label is due. ``delivered_at`` is
    None when a part of the order never reached the customer.
    """

    order_id: str
    planted: tuple[Kind, ...]
    must_tell: tuple[Kind, ...]
    may_tell: tuple[Kind, ...]
    replacement: bool
    label: bool
    follow_up: bool
    visible_at: datetime
    noticed_at: datetime
    promised: str
    delivered_at: datetime | None = None
    replacement_order_id: str | None = None
    replacement_delivered_at: datetime | None = None


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What was planted in a world: its seed, its plan and its planted orders, in order of purchase."""

    seed: int
    plan: dict[str, Any]
    until: datetime
    events: int
    orders: tuple[OrderTruth, ...]


def silence_noticed(draft: Draft, last_scan_at: int, business_days: int) -> int:
    """Return when so many business days have passed in silence: the same time of day, on the customer's clock."""
    zone = draft.person.zone
    day = zone.day(last_scan_at)
    return zone.at(draft.lane.workdays.add(day, business_days), last_scan_at - zone.at(day, 0))


def some_box(draft: Draft, dice: Dice) -> Box:
    """Return one of the order's parcels."""
    return dice.one(draft.boxes)


def others_arrive(draft: Draft, box: Box) -> int:
    """Return the day by which all other parcels are there (0 when there are none): no promise before it."""
    return max((other.arrives for other in draft.boxes if other is not box), default=0)


def soon(dice: Dice) -> int:
    """Return a delay on arrival of up to 20 minutes, in seconds, for news that the plot waits for."""
    return dice.between(1, 20 * 60)
