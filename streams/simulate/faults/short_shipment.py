"""Short shipment: a piece or a whole line is not in the box, and in no other box either."""

from __future__ import annotations

from streams.core.events import Pieces
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.goods import pieces
from streams.simulate.planted import Planted, soon

AT_LEAST = 3  # pieces: of two boxes one has then two, and no box is left empty


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Leave something on the bench."""
    box = max(draft.boxes, key=lambda box: sum(line.quantity for line in box.pieces))
    delay = soon(dice)
    for any_box in draft.boxes:
        any_box.told_delay = delay
    left = _left_behind(box.pieces, dice, whole_line=nth % 2 == 0)
    box.packed = tuple(
        pieces(line.sku, line.quantity - (left.quantity if line.sku == left.sku else 0))
        for line in box.pieces
        if line != left
    )
    visible_at = max(any_box.packed_at for any_box in draft.boxes) + delay
    return Planted("short_shipment", visible_at, missing=(left,))


def _left_behind(box: tuple[Pieces, ...], dice: Dice, *, whole_line: bool) -> Pieces:
    several = [line for line in box if line.quantity > 1]
    if len(box) > 1 and (whole_line or not several):
        return dice.one(box)
    return pieces(dice.one(several).sku, 1)
