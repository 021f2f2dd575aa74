"""Never handed over: the label exists, the parcel lies on; it leaves long afterwards, or never.

The promise is a generous one, so that this is the first thing to be known about the order: an earlier
promise would be at risk before anybody can call the parcel forgotten.
"""

from __future__ import annotations

from streams.simulate.course import hop_days, hop_scans, label_scan, last_mile, pickup_scan
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.planted import Planted, others_arrive, silence_noticed, some_box

_LABEL_ALARM = 4  # business days from label to alarm in the standard policy
_SHIP_BY_ALARM = 1  # business days from the shop's own ship-by to alarm
_GRACE = 3  # business days that a house may wait for the dock to notice, before it writes to a customer
_ROOM = 2  # business days from there to the promise


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Forget one parcel on the dock."""
    box = some_box(draft, dice)
    workdays = draft.lane.workdays
    labeled_on = draft.shop.zone.day(box.labeled_at)
    told_by = max(
        workdays.add(labeled_on, _LABEL_ALARM + _GRACE),
        workdays.add(draft.ship_by, _SHIP_BY_ALARM + _GRACE),
    )
    draft.promise = max(workdays.add(told_by, _ROOM), others_arrive(draft, box))
    box.scans = [label_scan(box, dice)]
    if nth % 2 == 0:
        box.picked_up = draft.shop.workdays.first(workdays.add(told_by, dice.between(1, 2)))
        quickest = draft.lane.transit[0]  # the dock is ashamed of itself
        box.arrives = workdays.add(box.picked_up, quickest)
        box.scans += [
            pickup_scan(draft, box.picked_up, dice),
            *hop_scans(draft, hop_days(draft, box.picked_up, box.arrives, dice), dice, box.arrives),
            *last_mile(draft, box.arrives, dice),
        ]
    overdue = workdays.add(draft.ship_by, _SHIP_BY_ALARM)
    visible_at = min(
        silence_noticed(draft, box.labeled_at, _LABEL_ALARM), draft.person.zone.midnight(overdue + 1)
    )
    return Planted("never_handed_over", visible_at, may=("late_delivery", "at_risk"))
