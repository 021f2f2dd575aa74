"""Return to sender: the parcel turns around, and is then scanned `delivered` back at the shop.

The trap: that scan is a delivery for the carrier and none for the customer.
"""

from __future__ import annotations

from streams.simulate.course import bad_news_at, broken_off
from streams.simulate.days import HOUR
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Scan
from streams.simulate.planted import Planted, some_box, soon


def plant(draft: Draft, dice: Dice, _nth: int) -> Planted:
    """Send one parcel back to where it came from."""
    box = some_box(draft, dice)
    box.scans, day = broken_off(draft, box, dice)
    at, delay = bad_news_at(draft, day, dice), soon(dice)
    box.scans.append(
        Scan(
            at,
            "return_to_sender",
            dice.one(draft.lane.hubs),
            "Returning to sender",
            reason="address_not_found",
            responsible="carrier",
            delay=delay,
        )
    )
    workdays, zone = draft.lane.workdays, draft.shop.zone
    for _ in range(dice.between(2, 4)):
        day = workdays.next(day)
        hub = dice.one(draft.lane.origin_hubs)
        box.scans.append(
            Scan(zone.at(day, 9 * HOUR + dice.below(8 * HOUR)), "in_transit", hub, "Arrived at facility")
        )
    back = zone.at(workdays.next(day), 10 * HOUR + dice.below(5 * HOUR))
    box.scans.append(Scan(back, "delivered", draft.shop.city, "Delivered, returned to sender"))
    return Planted("return_to_sender", at + delay, ("late_delivery", "at_risk"), box.pieces)
