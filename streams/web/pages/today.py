"""The first page: what is unusual, what waits for a person, what is open, and how the last days went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from streams.ops.read_model.shapes import KindCount, Today
from streams.web.page import show
from streams.web.room import room_of
from streams.web.security import needs

# Fewer times the usual is a busy hour; a carrier's bad day is twenty times.
STORM: Final = 5.0
STORM_LEAST: Final = 10  # exceptions in an hour: below it nothing is a storm, however quiet it usually is
_WIDTH, _HEIGHT, _GAP = 100.0, 20.0, 2.0  # of the drawing of some days, in its own units


class KindRow(msgspec.Struct, frozen=True, kw_only=True):
    """A kind on the first page; ``share`` is its bar's length in percent of the longest."""

    count: KindCount
    share: float
    bars: tuple[Bar, ...]


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One day in a drawing of several: where it stands, how high, and how many it was."""

    x: float
    y: float
    width: float
    height: float
    number: int


@needs("reader")
async def first_page(request: web.Request) -> web.Response:
    """Show how everything stands."""
    today = await room_of(request).today()
    return await show(request, "today", storms=storms(today), kinds=kind_rows(today), told=draw(today.told))


def storms(today: Today) -> list[KindCount]:
    """Return the kinds of which far more were opened in an hour than usual, the worst first."""
    found = [
        kind
        for kind in today.kinds
        if kind.last_hour >= STORM_LEAST and kind.last_hour >= STORM * max(kind.usual_hour, 1.0)
    ]
    return sorted(found, key=lambda kind: -kind.last_hour)


def kind_rows(today: Today) -> list[KindRow]:
    """Return the kinds that are open or were lately, those with the most open first."""
    most = max((kind.open for kind in today.kinds), default=0) or 1
    moved = [kind for kind in today.kinds if kind.open or any(kind.opened)]
    return [
        KindRow(count=kind, share=100 * kind.open / most, bars=draw(kind.opened))
        for kind in sorted(moved, key=lambda kind: (-kind.open, kind.kind))
    ]


def draw(numbers: Sequence[int]) -> tuple[Bar, ...]:
    """Return one bar per day, the highest as high as the drawing; a day with any has a bar that can be seen."""
    if not numbers:
        return ()
    step = (_WIDTH + _GAP) / len(numbers)  # the last bar ends where the drawing does
    most = max(numbers) or 1
    bars = []
    for place, number in enumerate(numbers):
        height = max(1.5, _HEIGHT * number / most) if number else 0.5
        bars.append(
            Bar(
                x=round(place * step, 2),
                y=round(_HEIGHT - height, 2),
                width=round(step - _GAP, 2),
                height=round(height, 2),
                number=number,
            )
        )
    return tuple(bars)


ROUTES: Final = (web.get("/", first_page),)
