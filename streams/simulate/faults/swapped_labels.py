"""Swapped labels: two orders are packed side by side at one station, and each gets the other one's goods.

Mostly the station scans what it packs, into the wrong box. Where it does not notice (labels stuck on crosswise behind
the scan), only the scale can tell.
"""

from __future__ import annotations

from collections.abc import Callable

from streams.simulate.days import MINUTE
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.goods import pieces
from streams.simulate.planted import Planted

_TRIES = 200  # most orders are one box; a third of two such are packed on the same day
_SECONDS = 90  # both scans are known within a minute and a half: long before a wrong item would be answered


def beside(draft: Draft, write: Callable[[], Draft]) -> Draft | None:
    """Return another order that may stand beside this one: one box, the same day, other goods."""
    if len(draft.boxes) != 1:
        return None
    zone, mine = draft.shop.zone, draft.boxes[0]
    for _ in range(_TRIES):
        other = write()
        if (
            len(other.boxes) == 1
            and zone.day(other.boxes[0].fulfilled_at) == zone.day(mine.fulfilled_at)
            and not {line.sku for line in other.lines} & {line.sku for line in draft.lines}
        ):
            return other
    return None


def plant(pair: tuple[Draft, Draft], dice: Dice, nth: int, *, scanned: bool) -> tuple[Planted, Planted]:
    """Exchange what lies in the boxes of two orders."""
    one, other = (draft.boxes[0] for draft in pair)
    other.station = one.station
    other.fulfilled_at = one.fulfilled_at
    other.packed_at = one.packed_at + dice.between(1, 3) * MINUTE
    other.labeled_at = other.packed_at + dice.between(3, 15) * MINUTE
    for box, holds in ((one, other.pieces), (other, one.pieces)):
        box.holds = holds
        box.told_delay = dice.between(1, _SECONDS)
        if scanned:
            box.packed = holds
    visible_at = max(box.packed_at + (box.told_delay or 0) for box in (one, other))
    return tuple(  # type: ignore[return-value]  # two of two
        Planted("swapped_labels", visible_at, missing=box.pieces, label=True, returns=nth % 2 == 0)
        for box in (one, other)
    )


def misread(draft: Draft) -> None:
    """Let the station scan one article twice and its neighbor not at all; what is packed is right."""
    box = draft.boxes[0]
    if len(box.pieces) > 1:
        first, second, *others = box.pieces
        box.holds = box.pieces
        box.packed = (pieces(first.sku, first.quantity + second.quantity), *others)
