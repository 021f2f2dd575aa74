"""Which orders fare differently under another policy, and a few of them to read, drawn by a fixed lot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Literal

import msgspec

from streams.core.order import Order
from streams.ops.backtest.fate import Fate

Sort = Literal["told", "untold", "earlier", "later", "words", "money"]
SORTS: dict[Sort, str] = {
    "told": "newly told",
    "untold": "no longer told",
    "earlier": "told earlier",
    "later": "told later",
    "words": "other mails",
    "money": "same mails, other money or questions",
}


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order that fares differently; ``seconds`` is how much later its first mail goes out (earlier: negative)."""

    order_id: str
    sort: Sort
    seconds: int | None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """One changed order, with all that was decided under both policies."""

    lot: bytes
    change: Change
    placed_at: datetime
    promised_by: str | None
    arrived_at: datetime | None
    zone: str
    before: Fate
    after: Fate


class Changes(msgspec.Struct, kw_only=True):
    """All changed orders of a policy beside the first one, and of each sort a few to read."""

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    orders: list[Change] = msgspec.field(default_factory=list)
    examples: dict[Sort, list[Example]] = {}

    def add(self, other: Changes, most: int) -> None:
        """Take in another share; of the examples, those with the lowest lots stay."""
        self.counts.update(other.counts)
        self.orders.extend(other.orders)
        for sort, examples in other.examples.items():
            self.examples[sort] = _drawn([*self.examples.get(sort, []), *examples], most)


def compare(
    orders: Mapping[str, Order],
    before: Mapping[str, Fate],
    after: Mapping[str, Fate],
    last: datetime,
    most: int,
) -> Changes:
    """Compare the fates of orders under two policies, as far as the history goes (``last``)."""
    found = Changes()
    nothing = Fate()
    drawn: dict[Sort, list[Example]] = {}
    for order_id in sorted(before.keys() | after.keys()):
        one = before.get(order_id, nothing).until(last)
        other = after.get(order_id, nothing).until(last)
        change = _change(order_id, one, other)
        if change is None:
            continue
        found.counts[change.sort] += 1
        found.orders.append(change)
        order = orders[order_id]
        if most and order.placed_at is not None:
            drawn.setdefault(change.sort, []).append(_example(order, change, one, other))
    found.examples = {sort: _drawn(examples, most) for sort, examples in drawn.items()}
    return found


def _change(order_id: str, one: Fate, other: Fate) -> Change | None:
    if one.told and other.told:
        return _told_twice(order_id, one, other)
    if one.told or other.told:
        return Change(order_id, "told" if other.told else "untold", None)
    return None if _money(one) == _money(other) else Change(order_id, "money", None)


def _told_twice(order_id: str, one: Fate, other: Fate) -> Change | None:
    seconds = int((other.told[0].now - one.told[0].now).total_seconds())
    if seconds:
        return Change(order_id, "earlier" if seconds < 0 else "later", seconds)
    if _words(one) != _words(other):
        return Change(order_id, "words", 0)
    return None if _money(one) == _money(other) else Change(order_id, "money", 0)


def _words(fate: Fate) -> list[object]:
    """Return what the mails are and say; the mails before them, which only make the thread, are not compared."""
    return [(one.now, one.message.template, one.message.letter) for one in fate.told]


def _money(fate: Fate) -> list[object]:
    granted = [(one.remedy, one.currency, one.minor) for one in fate.granted]
    return [granted, [one.reason for one in fate.asked]]


def _example(order: Order, change: Change, before: Fate, after: Fate) -> Example:
    assert order.placed_at is not None
    return Example(
        lot=blake2b(order.order_id.encode(), digest_size=8).digest(),
        change=change,
        placed_at=order.placed_at,
        promised_by=order.promise.by.isoformat() if order.promise is not None else None,
        arrived_at=order.arrived_at,
        zone=order.zone,
        before=before,
        after=after,
    )


def _drawn(examples: list[Example], most: int) -> list[Example]:
    return sorted(examples, key=lambda one: one.lot)[:most]
