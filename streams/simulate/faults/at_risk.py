"""At risk: in transit, the carrier moves its date past the promise, days before the promise is due.

Every other one arrives just in time after all, on the promised day; the others as late as announced.
"""

from __future__ import annotations

from streams.simulate.course import bad_news_at, hop_days, hop_scans, label_scan, last_mile, pickup_scan
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Scan
from streams.simulate.planted import Planted, others_arrive, some_box, soon


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Let the carrier announce a delay for one parcel."""
    box = some_box(draft, dice)
    workdays = draft.lane.workdays
    promised_after = 4 if draft.lane.domestic else 8  # business days: leaves two to tell it in
    draft.promise = max(workdays.add(box.picked_up, promised_after), others_arrive(draft, box))
    moved_on = workdays.add(box.picked_up, dice.between(1, 2))
    announced = workdays.add(draft.promise, dice.between(1, 3))
    just_in_time = nth % 2 == 0
    box.arrives = draft.promise if just_in_time else announced
    at, delay = bad_news_at(draft, moved_on, dice), soon(dice)
    box.scans = [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice, draft.promise),
        *hop_scans(draft, hop_days(draft, box.picked_up, moved_on, dice), dice, draft.promise),
        Scan(
            at,
            "in_transit",
            dice.one(draft.lane.hubs),
            "Weather delay, new delivery date",
            reason="weather_delay",
            responsible="weather",
            estimate=announced,
            delay=delay,
        ),
        *hop_scans(draft, hop_days(draft, moved_on, box.arrives, dice), dice, announced),
        *last_mile(draft, box.arrives, dice),
    ]
    return Planted("at_risk", at + delay, may=() if just_in_time else ("late_delivery",))
