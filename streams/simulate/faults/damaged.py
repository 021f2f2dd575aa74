"""Damaged: the carrier says so on the way, and the parcel is never delivered."""

from __future__ import annotations

from streams.simulate.course import bad_news_at, broken_off
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Scan
from streams.simulate.planted import Planted, some_box, soon


def plant(draft: Draft, dice: Dice, _nth: int) -> Planted:
    """Let one parcel fall from the belt."""
    box = some_box(draft, dice)
    box.scans, day = broken_off(draft, box, dice)
    at, delay = bad_news_at(draft, day, dice), soon(dice)
    hub = dice.one(draft.lane.hubs)
    box.scans.append(
        Scan(
            at,
            "exception",
            hub,
            "Parcel damaged beyond delivery",
            reason="damaged",
            responsible="carrier",
            delay=delay,
        )
    )
    return Planted("damaged", at + delay, ("late_delivery", "at_risk"), box.pieces)
