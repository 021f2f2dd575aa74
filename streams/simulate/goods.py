"""The catalogue: stationery, toys and household things, with prices in minor units and weights in grams."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from streams.core.events import OrderedLine, Pieces
from streams.core.money import Money


class Product(NamedTuple):
    """One article: ``minor`` cents (of whatever the shop's currency is), ``grams`` a piece."""

    sku: str
    title: str
    minor: int
    grams: int


CATALOGUE = (
    Product("BRUSH-12", "Brush marker set, 12 colors", 1890, 240),
    Product("BRUSH-24", "Brush marker set, 24 colors", 3290, 460),
    Product("GEL-BLUE", "Gel pen 0.5 mm, blue, pack of 5", 890, 70),
    Product("GEL-BLACK", "Gel pen 0.5 mm, black, pack of 5", 890, 70),
    Product("NOTE-DOT-A5", "Dotted notebook A5, sage", 1450, 320),
    Product("NOTE-LINE-A5", "Lined notebook A5, ocher", 1450, 320),
    Product("WASHI-6", "Washi tape, 6 rolls, wildflowers", 1190, 160),
    Product("INK-TEAL", "Fountain pen ink 50 ml, teal", 1690, 210),
    Product("PEN-FOUNTAIN", "Fountain pen, brushed steel", 4200, 140),
    Product("CALENDAR-27", "Wall calendar 2027, night skies", 2200, 410),
    Product("BLOCKS-60", "Wooden building blocks, 60 pieces", 3450, 1900),
    Product("PUZZLE-OCTO", "Octopus puzzle, 500 pieces", 2390, 720),
    Product("PUZZLE-LIGHT", "Lighthouse puzzle, 500 pieces", 2390, 720),
    Product("KITE-DRAGON", "Dragon kite with a 3 m tail", 2790, 380),
    Product("PLUSH-CAPY", "Capybara plush, 30 cm", 2650, 340),
    Product("PLUSH-OTTER", "Otter plush, 30 cm", 2650, 340),
    Product("TRAIN-RAIL", "Rail set for wooden trains, 32 pieces", 3890, 1600),
    Product("MARBLES-80", "Glass marbles in a tin, 80 pieces", 1290, 650),
    Product("MUG-MOSS", "Stoneware mug, moss green", 1750, 390),
    Product("MUG-CLAY", "Stoneware mug, clay red", 1750, 390),
    Product("TOWEL-3", "Linen tea towels, set of 3", 2490, 290),
    Product("LAMP-READ", "Clip-on reading lamp", 2990, 310),
    Product("CANDLE-FIG", "Soy candle, fig and cedar", 1990, 480),
    Product("BOARD-OAK", "Cutting board, oiled oak", 3690, 1250),
    Product("JAR-4", "Preserving jars with clips, set of 4", 2890, 1700),
    Product("APRON-NAVY", "Canvas apron, navy", 3190, 420),
)
BY_SKU = {product.sku: product for product in CATALOGUE}
_PACKAGING_G = 90  # a small carton with paper


@cache
def ordered(sku: str, quantity: int, number: int, currency: str) -> OrderedLine:
    """Return an order line; there are few enough of them to make each only once."""
    product = BY_SKU[sku]
    return OrderedLine(
        line_id=str(number),
        sku=sku,
        quantity=quantity,
        title=product.title,
        unit_price=Money(minor=product.minor, currency=currency),
        weight_g=product.grams,
    )


@cache
def pieces(sku: str, quantity: int) -> Pieces:
    """Return so many pieces of an article."""
    return Pieces(sku=sku, quantity=quantity)


def weigh(box: tuple[Pieces, ...]) -> int:
    """Return what a box weighs, in grams, with its carton."""
    return _PACKAGING_G + sum(BY_SKU[line.sku].grams * line.quantity for line in box)
