"""Late: slow hops and no word from the carrier, delivered two to six days after the promised day.

Scans go on at the usual distance, so the parcel is never stalled; the carrier gives no date until the
promise is broken, so it was never announced either.
"""

from __future__ import annotations

from streams.simulate.course import hop_days, hop_scans, label_scan, last_mile, pickup_scan
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.planted import Planted, some_box


def plant(draft: Draft, dice: Dice, _nth: int) -> Planted:
    """Let one parcel dawdle."""
    box = some_box(draft, dice)
    workdays = draft.lane.workdays
    choices = [day for day in range(draft.promise + 2, draft.promise + 7) if workdays.open(day)]
    box.arrives = dice.one(choices or [workdays.next(draft.promise + 1)])
    days = hop_days(draft, box.picked_up, box.arrives, dice)
    box.scans = [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice),
        *hop_scans(draft, days, dice, box.arrives, told_from=draft.promise + 1),
        *last_mile(draft, box.arrives, dice),
    ]
    visible_at = draft.person.zone.midnight(draft.promise + 1)
    return Planted("late_delivery", visible_at, may=("at_risk",))
