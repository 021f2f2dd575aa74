"""How a parcel travels when all goes well: label, pickup, hops on business days, the last mile."""

from __future__ import annotations

from streams.simulate.days import HOUR, MINUTE, weekdays_between
from streams.simulate.dice import Dice
from streams.simulate.draft import Box, Draft, Scan

# Carriers work by day. The origin's last scan is before 18:00, so that it is still the same day in Europe.
_ORIGIN_FROM, _ORIGIN_UNTIL = 9 * HOUR, 17 * HOUR
_HUB_FROM, _HUB_UNTIL = 7 * HOUR, 18 * HOUR
_SECOND_SCAN = 0.15  # share of hops that are seen twice on their day
_ESTIMATES = 0.6  # share of hops on which the carrier says when it will arrive


def label_scan(box: Box, dice: Dice) -> Scan:
    """Return the scan that says only that a label exists, minutes after it does."""
    at = box.labeled_at + dice.between(2, 20) * MINUTE
    return Scan(at, "pre_transit", None, "Shipping label created, carrier awaiting the parcel")


def pickup_scan(draft: Draft, day: int, dice: Dice, estimate: int | None = None) -> Scan:
    """Return the carrier's first look at the parcel, in the afternoon."""
    at = draft.shop.zone.at(day, 16 * HOUR + dice.below(90 * MINUTE))
    return Scan(at, "in_transit", draft.shop.city, "Picked up by the carrier", estimate=estimate)


def hop_days(draft: Draft, first: int, last: int, dice: Dice) -> list[int]:
    """Return days with a scan between ``first`` and ``last``, both without: never too far apart."""
    lane = draft.lane
    days: list[int] = []
    seen, day = first, lane.workdays.next(first)
    while day < last:
        following = min(lane.workdays.next(day), last)
        may_skip = weekdays_between(seen, following) <= lane.most_gap
        if not (may_skip and dice.random() < lane.skip):
            days.append(day)
            seen = day
        day = following
    return days


def hop_scans(
    draft: Draft, days: list[int], dice: Dice, estimate: int | None, *, told_from: int = 0
) -> list[Scan]:
    """Return the scans of these days; the first half is near the shop, the rest near the customer.

    From day ``told_from`` on the carrier says ``estimate``, now and then.
    """
    scans: list[Scan] = []
    lane = draft.lane
    for index, day in enumerate(days):
        near = index * 2 < len(days) - 1
        zone = draft.shop.zone if near else draft.person.zone
        begin, end = (_ORIGIN_FROM, _ORIGIN_UNTIL) if near else (_HUB_FROM, _HUB_UNTIL)
        at = zone.at(day, begin + dice.below(end - begin - 2 * HOUR))
        place = dice.one(lane.origin_hubs if near else lane.hubs)
        said = estimate if dice.random() < _ESTIMATES and day >= told_from else None
        scans.append(Scan(at, "in_transit", place, "Arrived at facility", estimate=said))
        if dice.random() < _SECOND_SCAN:
            scans.append(Scan(at + dice.between(40, 110) * MINUTE, "in_transit", place, "Departed facility"))
    return scans


def last_mile(draft: Draft, day: int, dice: Dice) -> list[Scan]:
    """Return the morning's van and the delivery before eight in the evening."""
    zone, city = draft.person.zone, draft.person.city
    leaves = zone.at(day, 7 * HOUR + dice.below(2 * HOUR))
    rings = zone.at(day, 10 * HOUR + dice.below(9 * HOUR))
    return [
        Scan(leaves, "out_for_delivery", city, "Out for delivery", estimate=day),
        Scan(rings, "delivered", city, "Delivered"),
    ]


def ordinary(draft: Draft, box: Box, dice: Dice) -> list[Scan]:
    """Return all scans of a parcel that gives nobody a reason to write."""
    days = hop_days(draft, box.picked_up, box.arrives, dice)
    return [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice, box.arrives),
        *hop_scans(draft, days, dice, box.arrives),
        *last_mile(draft, box.arrives, dice),
    ]


def broken_off(draft: Draft, box: Box, dice: Dice) -> tuple[list[Scan], int]:
    """Return the scans up to somewhere on the way, and the business day on which the next one is due."""
    days = hop_days(draft, box.picked_up, box.arrives, dice)
    kept = days[: dice.between(0, len(days))]
    scans = [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice, box.arrives),
        *hop_scans(draft, kept, dice, box.arrives),
    ]
    return scans, draft.lane.workdays.next(kept[-1] if kept else box.picked_up)


def bad_news_at(draft: Draft, day: int, dice: Dice) -> int:
    """Return a moment of a day on which the customer can still be told the same day."""
    return draft.person.zone.at(day, 9 * HOUR + dice.below(6 * HOUR))
