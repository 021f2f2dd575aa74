"""Over-shipment: one piece too many, of what was bought or of something else."""

from __future__ import annotations

from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.goods import CATALOGUE, pieces
from streams.simulate.planted import Planted, some_box, soon


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Drop one more into a box."""
    box = some_box(draft, dice)
    if nth % 2 == 0:
        first, *rest = box.pieces
        box.packed = (pieces(first.sku, first.quantity + 1), *rest)
    else:
        bought = {line.sku for line in draft.lines}
        extra = dice.one([product.sku for product in CATALOGUE if product.sku not in bought])
        box.packed = (*box.pieces, pieces(extra, 1))
    box.told_delay = soon(dice)
    return Planted("over_shipment", box.packed_at + box.told_delay)
