"""Wrong item: the packing station scans another article than the one that was bought.

The wrong parcel travels and arrives like any other. Every other customer sends it back with our label.
"""

from __future__ import annotations

from streams.simulate.dice import Dice
from streams.simulate.draft import Draft
from streams.simulate.goods import CATALOGUE, pieces
from streams.simulate.planted import Planted, some_box, soon


def plant(draft: Draft, dice: Dice, nth: int) -> Planted:
    """Put the neighbor from the shelf into one box."""
    box = some_box(draft, dice)
    bought = {line.sku for line in draft.lines}
    slot = dice.below(len(box.pieces))
    right = box.pieces[slot]
    wrong = dice.one([product.sku for product in CATALOGUE if product.sku not in bought])
    box.packed = (*box.pieces[:slot], pieces(wrong, right.quantity), *box.pieces[slot + 1 :])
    box.told_delay = soon(dice)
    visible_at = box.packed_at + box.told_delay
    return Planted("wrong_item", visible_at, missing=(right,), label=True, returns=nth % 2 == 0)
