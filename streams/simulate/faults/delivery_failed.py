"""Delivery failed: nobody opened, and the carrier comes again on the next business day.

Every other promise leaves room for that; the others are broken by it.
"""

from __future__ import annotations

from streams.simulate.course import bad_news_at, hop_days, hop_scans, label_scan, last_mile, pickup_scan
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Scan
from streams.simulate.planted import Planted, others_arrive, some_box, soon


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Let the carrier ring at one empty house."""
    box = some_box(draft, dice)
    first = box.arrives
    again = draft.lane.workdays.next(first)
    in_time = nth % 2 == 0
    draft.promise = max(again if in_time else first, others_arrive(draft, box))
    at, delay = bad_news_at(draft, first, dice), soon(dice)
    city = draft.person.city
    van = last_mile(draft, first, dice)[0]
    box.scans = [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice, first),
        *hop_scans(draft, hop_days(draft, box.picked_up, first, dice), dice, first),
        van,
        Scan(
            max(at, van.at + 30 * 60),
            "attempt_failed",
            city,
            "Delivery attempted, nobody home",
            reason="recipient_unavailable",
            responsible="customer",
            estimate=again if in_time else None,  # or the risk would be the news
            delay=delay,
        ),
        *last_mile(draft, again, dice),
    ]
    box.arrives = again
    visible_at = box.scans[-3].at + delay
    late = draft.promise < again
    return Planted("delivery_failed", visible_at, may=("at_risk", "late_delivery") if late else ("at_risk",))
