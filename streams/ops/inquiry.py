"""Finds everything that was written down about one order, by whichever of its names somebody holds.

Out of the read model where there is one, brought up to date first; else by a walk through the whole history.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec
from sqlalchemy import Engine

from streams.codec.blocks import Entry, decode_entries
from streams.core import events as facts
from streams.core.events import Event
from streams.core.ids import address_hash
from streams.embedded.journal import LoggedDecision
from streams.ops.history import Decided, History
from streams.ops.letters import Letters
from streams.ops.read_model import story, tables
from streams.ops.read_model.follow import open_current
from streams.ops.read_model.mails import Mails
from streams.ops.read_model.portions import Feed
from streams.ops.read_model.rows import numbers
from streams.ops.timeline import Known
from streams.pipeline.correlate import normal
from streams.pipeline.dead_letters import DeadLetter
from streams.problems import InputProblem, UsageProblem

_NEAREST = 3
_ANNOUNCES = {
    kind.TYPE for kind in (facts.ShipmentCreated, facts.FulfillmentCreated, facts.ReturnLabelIssued)
}
_CUSTOMER = {facts.OrderPlaced.TYPE, facts.OrderChanged.TYPE}
_CALLED = ("message_id", "case_id", "review_id")


class Book(Protocol):
    """Where one may look an order up."""

    def find(self, asked: str) -> Sequence[str]:
        """Return the orders that a text names."""
        ...

    def known(self, order_id: str) -> Known | None:
        """Return what is known about an order, without its mails; None where nothing is."""
        ...

    def stranger(self, asked: str) -> Known | None:
        """Return what waits or was set aside under a name that no order has."""
        ...

    def nearest(self, asked: str) -> Sequence[str]:
        """Return names that somebody may have meant."""
        ...


def inquire(book: Book, asked: str, mails: Mails) -> Known:
    """Return everything about the one order that ``asked`` names.

    Raises:
        UsageProblem: ``order-not-found``: with the nearest names; ``order-ambiguous``: with all of them.
        WorldProblem: what was written down cannot be read.
    """
    orders = book.find(asked)
    if len(orders) > 1:
        raise _ambiguous(asked, orders)
    found = book.known(orders[0]) if orders else book.stranger(asked)
    if found is None:
        raise _unknown(asked, book.nearest(asked))
    rows = mails.find(story.message_ids(found))
    return msgspec.structs.replace(found, mails={one: row.mail for one, row in rows.items()})


# ---------------------------------------------------------------------------- the read model


class Tables:
    """A read model that is there, and as new as the history."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def find(self, asked: str) -> Sequence[str]:
        """Return the orders that a text names; the beginning of an id names none."""
        with tables.telling(self._engine), self._engine.connect() as connection:
            found = story.find(connection, tables.clean(asked.strip()))
        return () if found is None or found[0] == "prefix" else list(dict.fromkeys(found[1]))

    def known(self, order_id: str) -> Known | None:
        """Return what the tables know."""
        with tables.telling(self._engine), self._engine.connect() as connection:
            return story.known(connection, tables.clean(order_id))

    def stranger(self, asked: str) -> Known | None:
        """Return what waits or was set aside under a name that no order has."""
        with tables.telling(self._engine), self._engine.connect() as connection:
            return story.stranger(connection, tables.clean(asked))

    def nearest(self, asked: str) -> Sequence[str]:
        """Return orders whose ids begin so, or nearly so."""
        with tables.telling(self._engine), self._engine.connect() as connection:
            for begun in (asked, asked[:-1], asked[: len(asked) // 2]):
                if found := story.beginning(connection, tables.clean(begun)):
                    near = difflib.get_close_matches(asked, found, n=_NEAREST, cutoff=0)
                    return near if begun != asked else found[:_NEAREST]
        return ()


def open_tables(place: str, feed: Callable[[], Feed]) -> Tables | None:
    """Return the read model at a path or URL, read on to the end of the history.

    None where there is none, or one of another version or history.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``read-model-unusable``, or the history cannot be read.
    """
    engine = open_current(place, feed)
    return None if engine is None else Tables(engine)


# ---------------------------------------------------------------------------- a walk


class Walk:
    """The whole history, read from its beginning for each question; ``partition_of`` says where an order is."""

    def __init__(self, history: History, letters: Letters, partition_of: Callable[[str], int]) -> None:
        self._history = history
        self._letters = letters
        self._partition_of = partition_of
        self._names: set[str] = set()

    def find(self, asked: str) -> Sequence[str]:
        """Return the orders that a text names: itself, else by parcel, address, message, case or review."""
        if self._holds(asked):
            return [asked]
        hashed, number = address_hash(asked), normal(asked)
        named = (self._named(entry, hashed, number) for entry in self._entries())
        found = dict.fromkeys(order_id for order_id in named if order_id is not None)
        return list(found or dict.fromkeys(self._called(asked)))

    def known(self, order_id: str) -> Known | None:
        """Return what the history knows."""
        partition = self._partition_of(order_id)
        events = [event for entry in self._of(order_id) if (event := story.event_of(entry)) is not None]
        decisions = tuple(
            LoggedDecision(number=number, id=one.id, type=one.type, now=one.now, fact=one.fact)
            for number, one in enumerate(self._decided(partition))
            if one.order_id == order_id
        )
        keys = {normal(number) for event in events if (number := numbers(event.fact))}
        return Known(
            order_id=order_id,
            events=_once(events),
            decisions=decisions,
            parked=tuple(one for one in self._letters.parked() if one.key in keys),
            dead=self._dead(order_id, *keys),
        )

    def stranger(self, asked: str) -> Known | None:
        """Return what waits or was set aside under a name that no order has."""
        parked = tuple(one for one in self._letters.parked() if one.key == normal(asked))
        dead = self._dead(asked)
        return Known(order_id=asked, parked=parked, dead=dead) if parked or dead else None

    def nearest(self, asked: str) -> Sequence[str]:
        """Return names that begin so, the shortest first; then those that a slip of the finger makes."""
        names = self._names
        # Half an id is the commonest mistake; a slip of the finger comes second.
        begun = sorted((name for name in names if name.startswith(asked)), key=lambda name: (len(name), name))
        return [*begun, *difflib.get_close_matches(asked, names, n=_NEAREST, cutoff=0.5)][:_NEAREST]

    def _holds(self, order_id: str) -> bool:
        return any(True for _ in self._of(order_id))

    def _of(self, order_id: str) -> Iterator[Entry]:
        return (one for one in self._entries(self._partition_of(order_id)) if one.order_id == order_id)

    def _entries(self, partition: int | None = None) -> Iterator[Entry]:
        """Yield the entries of a partition, or of all; a block that nobody can read is passed over."""
        for extent in self._history.extents():
            if partition not in {None, extent.partition}:
                continue
            for batch in self._history.batches(extent.partition):
                try:
                    yield from decode_entries(batch.block)
                except InputProblem:
                    continue

    def _decided(self, partition: int) -> Iterator[Decided]:
        if any(extent.partition == partition for extent in self._history.extents()):
            yield from self._history.decided(partition)

    def _named(self, entry: Entry, hashed: str, number: str) -> str | None:
        """Return the order of an event that announces the parcel, or names the customer."""
        self._names.add(entry.order_id)
        if entry.type not in _ANNOUNCES and entry.type not in _CUSTOMER:
            return None
        event = story.event_of(entry)
        if event is None:
            return None
        announced = numbers(event.fact)
        if announced:
            self._names.add(announced)
        customer = getattr(event.fact, "customer", None)
        has_written = customer is not None and customer.email and address_hash(customer.email) == hashed
        return entry.order_id if has_written or (number and announced == number) else None

    def _called(self, asked: str) -> Iterator[str]:
        for extent in self._history.extents():
            for one in self._history.decided(extent.partition):
                if any(getattr(one.fact, name, None) == asked for name in _CALLED):
                    yield one.order_id

    def _dead(self, *names: str) -> tuple[DeadLetter, ...]:
        quoted = [f'"{name}"'.encode() for name in names]
        return tuple(
            letter.dead
            for letter in self._letters.letters()
            if any(name in letter.dead.raw for name in quoted)
        )


def _once(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return events without their second copies."""
    return tuple({(event.source, event.id): event for event in reversed(list(events))}.values())[::-1]


def _unknown(asked: str, near: Sequence[str]) -> UsageProblem:
    return UsageProblem(
        "order-not-found",
        f"nothing in this journal is called {asked}",
        why="it is no order, no tracking number, no address and no message id here",
        hint=f"the nearest are {', '.join(near)}" if near else "look at the id again, and at --data",
    )


def _ambiguous(asked: str, orders: Sequence[str]) -> UsageProblem:
    more = f" and {len(orders) - 10} more" if len(orders) > 10 else ""
    return UsageProblem(
        "order-ambiguous",
        f"{len(orders)} orders are called {asked}",
        why="one customer may have several, and so may one tracking number",
        hint=f"ask for one of them: {', '.join(orders[:10])}{more}",
    )
