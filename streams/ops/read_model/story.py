"""Everything about one order out of the tables, and by which names an order is found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, select

from streams.codec.blocks import Entry
from streams.codec.registry import decode_fact
from streams.core.events import Event, MessageOutcome, MessageQueued
from streams.core.ids import address_hash
from streams.embedded.journal import LoggedDecision
from streams.ops.read_model import tables
from streams.ops.read_model.columns import name_mark
from streams.ops.read_model.rows import OrderState
from streams.ops.timeline import Known
from streams.pipeline.correlate import Parked, normal
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.parked import Written, parked_of
from streams.problems import InputProblem

By = Literal["order", "tracking", "message", "email", "prefix"]
MOST = 50  # orders that a search finds
_BEYOND: Final = chr(0x10FFFF)  # behind every character that a name can have
decode_order = msgspec.msgpack.Decoder(OrderState).decode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_letter = msgspec.msgpack.Decoder(MessageQueued).decode
_decode_parked = msgspec.msgpack.Decoder(Written).decode


def find(connection: Connection, text: str) -> tuple[By, Sequence[str]] | None:
    """Return the orders that a text names, the most exact way of naming first; None when it names none."""
    orders = tables.ORDERS
    if _all(connection, select(orders.c.order_id).where(orders.c.order_id == text)):
        return "order", [text]
    numbers, number = tables.TRACKING, normal(text)
    if number and (found := _all(connection, select(numbers.c.order_id).where(numbers.c.number == number))):
        return "tracking", found
    for table, key in (
        (tables.MESSAGES, "message_id"),
        (tables.CASES, "case_id"),
        (tables.REVIEWS, "review_id"),
    ):
        if found := _all(connection, select(table.c.order_id).where(table.c[key] == text)):
            return "message", found
    if "@" in text:
        query = select(orders.c.order_id).where(orders.c.email_hash == address_hash(text))
        if found := _all(connection, query.order_by(orders.c.placed_at.desc()).limit(MOST)):
            return "email", found
    if found := beginning(connection, text):
        return "prefix", found
    return None


def beginning(connection: Connection, text: str, most: int = MOST) -> list[str]:
    """Return the first orders whose ids begin with a text."""
    if not text:
        return []
    key = tables.ORDERS.c.order_id
    return _all(connection, select(key).where(key >= text, key < text + _BEYOND).order_by(key).limit(most))


def known(connection: Connection, order_id: str) -> Known | None:
    """Return what stands in the tables about an order, without what the ledger knows."""
    row = connection.execute(
        select(tables.ORDERS.c.state).where(tables.ORDERS.c.order_id == order_id)
    ).scalar()
    if row is None:
        dead = _dead(connection, {order_id})
        return Known(order_id=order_id, dead=dead) if dead else None
    numbers = {parcel.number for parcel in decode_order(row).parcels if parcel.number}
    return Known(
        order_id=order_id,
        events=_events(connection, order_id),
        decisions=_decisions(connection, order_id),
        parked=parked(connection, numbers),
        dead=_dead(connection, {order_id, *numbers}),
    )


def stranger(connection: Connection, text: str) -> Known | None:
    """Return what waits, or was set aside, under a name that no order is known by."""
    waiting, dead = parked(connection, {text}), _dead(connection, {text})
    return Known(order_id=text, parked=waiting, dead=dead) if waiting or dead else None


def message_ids(story: Known) -> tuple[str, ...]:
    """Return the messages of a story that may have a row in the ledger, in the order in which they were queued."""
    ids = [
        one.fact.message_id
        for one in story.decisions
        if isinstance(one.fact, (MessageQueued, MessageOutcome))
    ]
    return tuple(dict.fromkeys(ids))


def letters(connection: Connection, ids: Iterable[str]) -> dict[str, MessageQueued]:
    """Return the mails with what they are rendered from, for those that still have it."""
    table = tables.MAIL_LETTERS
    query = select(table.c.message_id, table.c.body).where(table.c.message_id.in_(list(ids)))
    return {message_id: _decode_letter(body) for message_id, body in connection.execute(query)}


def parked(connection: Connection, numbers: Iterable[str]) -> tuple[Parked, ...]:
    """Return the scans that wait for one of these tracking numbers."""
    keys = [key for key in map(normal, numbers) if key]
    table = tables.PARKED
    query = select(table.c.body).where(table.c.key.in_(keys)).order_by(table.c.since, table.c.id)
    return tuple(parked_of(_decode_parked(body)) for body in _all(connection, query)) if keys else ()


def _events(connection: Connection, order_id: str) -> tuple[Event, ...]:
    table = tables.EVENTS
    query = select(table.c.entry).where(table.c.order_id == order_id)
    entries = map(_decode_entry, _all(connection, query.order_by(table.c.position, table.c.place)))
    return tuple(event for entry in entries if (event := event_of(entry)) is not None)


def event_of(entry: Entry) -> Event | None:
    """Return the event in an entry of the journal; None where nobody can read it."""
    try:
        fact = decode_fact(entry.type, entry.data)
    except InputProblem:
        return None
    return Event(
        id=entry.id,
        source=entry.source,
        order_id=entry.order_id,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        fact=fact,
    )


def _decisions(connection: Connection, order_id: str) -> tuple[LoggedDecision, ...]:
    table = tables.DECISIONS
    query = select(table.c.number, table.c.id, table.c.type, table.c.now, table.c.body)
    rows = connection.execute(query.where(table.c.order_id == order_id).order_by(table.c.number, table.c.id))
    return tuple(
        LoggedDecision(
            number=number,
            id=identity,
            type=wire_type,
            now=datetime.fromisoformat(now),
            fact=decode_fact(wire_type, body),
        )
        for number, identity, wire_type, now, body in rows
    )


def _dead(connection: Connection, names: Iterable[str]) -> tuple[DeadLetter, ...]:
    marks, table = tables.LETTER_NAMES, tables.DEAD_LETTERS
    ids = select(marks.c.id).where(marks.c.mark.in_([name_mark(name) for name in names]))
    columns = [table.c[name] for name in ("id", "source", "place", "code", "why", "hint", "at")]
    query = select(*columns).where(table.c.id.in_(ids)).order_by(table.c.at, table.c.id).limit(MOST)
    return tuple(dead_of(row._mapping) for row in connection.execute(query))  # noqa: SLF001 - its public name


def dead_of(row: Mapping[Any, Any]) -> DeadLetter:
    """Return a dead letter without its bytes."""
    return DeadLetter(
        id=row["id"],
        source=row["source"],
        place=row["place"],
        code=row["code"],
        why=row["why"],
        hint=row["hint"],
        at=datetime.fromisoformat(row["at"]),
        raw=b"",
    )


def _all(connection: Connection, query: Any) -> list[Any]:
    return list(connection.execute(query).scalars())
