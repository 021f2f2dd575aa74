"""Stalled: no scan for a week and more, then the parcel moves on and arrives.

Every other one has a promise so generous that it is still kept; the others are late as well, but the
silence is plain to see two business days before the promise breaks.
"""

from __future__ import annotations

from streams.simulate.course import hop_days, hop_scans, label_scan, last_mile, pickup_scan
from streams.simulate.days import weekdays_between
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.planted import Planted, others_arrive, silence_noticed, some_box


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Let one parcel lie in a corner of a hub."""
    box = some_box(draft, dice)
    lane, workdays = draft.lane, draft.lane.workdays
    before = [workdays.next(box.picked_up)][: dice.below(2)]
    scans = [
        label_scan(box, dice),
        pickup_scan(draft, box.picked_up, dice),
        *hop_scans(draft, before, dice, None),
    ]
    silent_from = before[-1] if before else box.picked_up
    resumes = _resumes(draft, silent_from, dice)
    box.arrives = workdays.add(resumes, dice.between(1, 3))
    kept = nth % 2 == 0
    promise = workdays.add(box.arrives, dice.below(2)) if kept else _too_early(draft, silent_from)
    draft.promise = max(promise, others_arrive(draft, box))
    visible_at = silence_noticed(draft, scans[-1].at, lane.stalled_after)
    days = [resumes, *hop_days(draft, resumes, box.arrives, dice)]
    scans += hop_scans(draft, days, dice, box.arrives)
    box.scans = [*scans, *last_mile(draft, box.arrives, dice)]
    return Planted(
        "stalled_in_transit", visible_at, may=("at_risk",) if kept else ("at_risk", "late_delivery")
    )


def _resumes(draft: Draft, silent_from: int, dice: Dice) -> int:
    """Return when it moves again; not so late that someone who knows no holidays would call it lost."""
    lane = draft.lane
    shortest, longest = lane.silence
    day = lane.workdays.add(silent_from, dice.between(shortest, longest))
    if weekdays_between(silent_from, day) >= lane.lost_after:
        return lane.workdays.add(silent_from, shortest)
    return day


def _too_early(draft: Draft, silent_from: int) -> int:
    return draft.lane.workdays.add(silent_from, draft.lane.stalled_after + 2)
