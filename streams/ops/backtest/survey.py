"""A first look through a history: how long it is, when it ends, and which orders belong together.

A replacement is an order of its own, perhaps in another partition, and tells the order that it makes good how
far it has come. Whoever folds one of them must fold both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

import msgspec

from streams.codec.blocks import Entry, decode_entries
from streams.core.events import OrderPlaced
from streams.ops.backtest.imagined import is_ours
from streams.ops.history import History

_EMAIL = b'"email"'
_REPLACES = b'"replaces"'
_BREATH = 2_000  # events between two words about how far we are


class Survey(msgspec.Struct, kw_only=True):
    """What a partition holds: events from outside, orders, the first and the last moment, and replacements.

    ``read`` counts all that was read for it, ours included.
    """

    read: int = 0
    events: int = 0
    orders: int = 0
    first: datetime | None = None
    last: datetime | None = None
    has_addresses: bool = False
    replaces: dict[str, str] = {}

    def add(self, other: Survey) -> None:
        """Take in another partition."""
        self.read += other.read
        self.events += other.events
        self.orders += other.orders
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        self.has_addresses = self.has_addresses or other.has_addresses
        self.replaces.update(other.replaces)


class Found(msgspec.Struct, kw_only=True):
    """Where families live: which of the wanted orders this partition has, and the events of its replacements."""

    here: set[str]
    entries: dict[str, list[Entry]]


class _Placed(msgspec.Struct):
    replaces: str | None = None


_placed = msgspec.json.Decoder(_Placed).decode


def outside(history: History, partition: int, moved: Callable[[int], None]) -> Iterator[Entry]:
    """Yield the entries of a partition that came from outside, and say how many of all have gone by.

    Raises:
        streams.problems.Problem: it cannot be read any further.
    """
    count = 0
    for batch in history.batches(partition):
        entries = decode_entries(batch.block)
        count += len(entries)
        if count >= _BREATH:
            moved(count)
            count = 0
        for entry in entries:
            if not is_ours(entry):
                yield entry
    moved(count)


def survey(
    history: History, partition: int, moved: Callable[[int], None], until: datetime | None = None
) -> Survey:
    """Look through a partition once, without typing its facts; what was recorded after ``until`` is not counted."""
    found = Survey()

    def count(read: int) -> None:
        found.read += read
        moved(read)

    for entry in outside(history, partition, count):
        moment = entry.recorded_at
        if found.first is None or moment < found.first:
            found.first = moment
        if found.last is None or moment > found.last:
            found.last = moment
        if until is not None and moment > until:
            continue
        found.events += 1
        if entry.type == OrderPlaced.TYPE:
            found.orders += 1
            _look(found, entry)
    return found


def _look(found: Survey, entry: Entry) -> None:
    if not found.has_addresses and _EMAIL in entry.data:
        found.has_addresses = True
    if _REPLACES in entry.data:
        try:
            replaced = _placed(entry.data).replaces
        except msgspec.DecodeError:
            return  # the fold meets it again, and counts it
        if replaced:
            found.replaces[entry.order_id] = replaced


def find(
    history: History,
    partition: int,
    wanted: Collection[str],
    replacements: Collection[str],
    moved: Callable[[int], None],
) -> Found:
    """Return which ``wanted`` orders live in a partition, and all entries of ``replacements`` that do."""
    found = Found(here=set(), entries={})
    for entry in outside(history, partition, moved):
        if entry.order_id in wanted:
            found.here.add(entry.order_id)
        if entry.order_id in replacements:
            found.entries.setdefault(entry.order_id, []).append(entry)
    return found


def roots(replaces: dict[str, str]) -> dict[str, str]:
    """Return for each replacement the order at the beginning of its chain; a circle ends where it began."""
    found = {}
    for order_id, replaced in replaces.items():
        seen, root = {order_id}, replaced
        while root in replaces and root not in seen:
            seen.add(root)
            root = replaces[root]
        found[order_id] = min(_circle(root, replaces)) if root in seen else root
    return found


def _circle(one: str, replaces: dict[str, str]) -> set[str]:
    """Return the orders of a circle in which each replaces the next: nonsense, and it must not hang us."""
    circle = {one}
    while (one := replaces[one]) not in circle:
        circle.add(one)
    return circle
