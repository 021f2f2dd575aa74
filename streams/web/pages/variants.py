"""Two wordings of one message side by side: whom they reached, and who had to write to us all the same."""

from __future__ import annotations

from itertools import groupby
from math import sqrt
from typing import Final

import msgspec
from aiohttp import web

from streams.ops.read_model.shapes import VariantCount
from streams.templating.variants import FIRST
from streams.web.page import show
from streams.web.room import room_of
from streams.web.security import needs

# Of a hundred such ranges, 95 hold the share that all cases would have had (Wilson 1927, JASA 22:209).
_Z: Final = 1.96


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many of so many, in percent, and between which percentages the true share probably lies."""

    part: int
    whole: int
    percent: float = 0.0
    low: float = 0.0
    high: float = 100.0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One wording, as the page shows it."""

    count: VariantCount
    label: str
    reported: Share
    written_again: Share
    labels_used: Share
    not_arrived: Share


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A message and its wordings; ``telling`` names what differs by more than chance usually does."""

    template: str
    tried: tuple[Tried, ...]
    telling: tuple[str, ...] = ()


@needs("reader")
async def show_variants(request: web.Request) -> web.Response:
    """Show every message of which more than one wording was tried."""
    variants = await room_of(request).ask(lambda reading: reading.variants())
    return await show(request, "variants", trials=trials(variants.rows), counted=variants.counted)


def trials(rows: tuple[VariantCount, ...]) -> list[Trial]:
    """Return the rows by message."""
    found = []
    for template, some in groupby(rows, key=lambda row: row.template):
        tried = tuple(map(_tried, some))
        found.append(Trial(template=template, tried=tried, telling=tuple(_telling(tried))))
    return found


def share(part: int, whole: int) -> Share:
    """Return a share with the range in which it probably lies."""
    if whole == 0:
        return Share(part=part, whole=whole)
    seen, square = part / whole, _Z**2
    middle = (seen + square / (2 * whole)) / (1 + square / whole)
    reach = _Z * sqrt(seen * (1 - seen) / whole + square / (4 * whole**2)) / (1 + square / whole)
    low, high = max(0.0, middle - reach), min(1.0, middle + reach)
    return Share(part=part, whole=whole, percent=100 * seen, low=100 * low, high=100 * high)


def _tried(row: VariantCount) -> Tried:
    return Tried(
        count=row,
        label=f"{row.variant} (no letter)" if row.variant == FIRST else row.variant,
        reported=share(row.reported, row.cases),
        written_again=share(row.written_again, row.cases),
        labels_used=share(row.labels_used, row.labels),
        not_arrived=share(row.refused + row.bounced, row.mails),
    )


def _telling(tried: tuple[Tried, ...]) -> list[str]:
    """Return what two wordings differ in so clearly that their ranges do not touch."""
    names = {
        "reported": "who wrote to us",
        "written_again": "who needed another mail",
        "labels_used": "labels used",
    }
    found = []
    for name, says in names.items():
        shares = [getattr(one, name) for one in tried]
        if any(one.low > other.high for one in shares for other in shares):
            found.append(says)
    return found


ROUTES: Final = (web.get("/variants", show_variants),)
