"""Lost: every other one by the carrier's own word, the others by silence that never ends.

Domestic silence means lost after 7 business days, international after 20 (the standard policy).
"""

from __future__ import annotations

from streams.simulate.course import bad_news_at, broken_off
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Scan
from streams.simulate.planted import Planted, silence_noticed, some_box, soon


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Let one parcel vanish."""
    box = some_box(draft, dice)
    box.scans, day = broken_off(draft, box, dice)
    if nth % 2:
        visible_at = silence_noticed(draft, box.scans[-1].at, draft.lane.lost_after)
        return Planted("lost", visible_at, ("stalled_in_transit", "late_delivery", "at_risk"), box.pieces)
    at, delay = bad_news_at(draft, day, dice), soon(dice)
    hub = dice.one(draft.lane.hubs)
    box.scans.append(
        Scan(at, "exception", hub, "Parcel lost", reason="lost", responsible="carrier", delay=delay)
    )
    return Planted("lost", at + delay, ("late_delivery", "at_risk"), box.pieces)
