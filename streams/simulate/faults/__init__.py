"""The faults that the shop can plant, one file each, and the deck that deals them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.faults import (
    at_risk,
    damaged,
    delivery_failed,
    late_delivery,
    lost,
    never_handed_over,
    over_shipment,
    return_to_sender,
    short_shipment,
    stalled_in_transit,
    wrong_item,
)
from streams.simulate.plan import Plan
from streams.simulate.planted import Planted


class Fault(NamedTuple):
    """How to plant a fault, and how many pieces the order needs for it; ``nth`` alternates its variants."""

    plant: Callable[[Draft, Dice, int], Planted]
    at_least: int = 1


FAULTS = {
    "late_delivery": Fault(late_delivery.plant),
    "at_risk": Fault(at_risk.plant),
    "stalled_in_transit": Fault(stalled_in_transit.plant),
    "lost": Fault(lost.plant),
    "damaged": Fault(damaged.plant),
    "delivery_failed": Fault(delivery_failed.plant),
    "return_to_sender": Fault(return_to_sender.plant),
    "never_handed_over": Fault(never_handed_over.plant),
    "wrong_item": Fault(wrong_item.plant),
    "short_shipment": Fault(short_shipment.plant, short_shipment.AT_LEAST),
    "over_shipment": Fault(over_shipment.plant),
}
CHANGED, CANCELED, SWAPPED = "changed", "canceled", "swapped_labels"
_HAND = 600  # orders dealt at a time: in every hand the shares are kept, so that small worlds have all kinds


def deal(plan: Plan, dice: Dice) -> Iterator[str | None]:
    """Yield for every order of the plan what becomes of it: a fault, a change, a cancellation, or nothing.

    Dealt by hands of 600 rather than order by order: the shares then hold in every hand to within one
    order, and a demo of one week shows every kind. Memory is that of one hand.
    """
    shares = {**msgspec.structs.asdict(plan.faults), CHANGED: plan.changed, CANCELED: plan.canceled}
    if plan.swapped:  # else not even dealt: every world without it is as it was
        shares[SWAPPED] = plan.swapped
    for first in range(0, plan.orders, _HAND):
        yield from _hand(shares, min(_HAND, plan.orders - first), dice)


def _hand(shares: dict[str, float], size: int, dice: Dice) -> list[str | None]:
    hand: list[str | None] = []
    for fate, share in shares.items():
        whole, part = divmod(round(share * size, 9), 1)
        hand += [fate] * (int(whole) + dice.happens(part))
    del hand[size:]
    hand += [None] * (size - len(hand))
    for index in range(size - 1, 0, -1):  # Fisher-Yates, on random() alone
        other = dice.below(index + 1)
        hand[index], hand[other] = hand[other], hand[index]
    return hand
