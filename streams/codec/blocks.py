"""Journal blocks: many events in one record, because Kafka, SQLite and Faust all charge by the record.

A block is msgpack: its version and a list of entries, each a list of seven. The fact inside an entry stays
the JSON that arrived, unknown fields included, under its wire type; it is typed (and upcast) at read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from streams.codec.registry import REGISTRY, UNREADABLE, decode_fact, encode_fact
from streams.core.events import Event, TimePassed
from streams.problems import InputProblem

VERSION = 1
EVERY_ORDER = "*"
"""The order id of a tick: silence concerns every order of its partition. No real order may be called so."""


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event as the journal keeps it; ``data`` is JSON."""

    order_id: str
    id: str
    source: str
    type: str
    occurred_at: datetime
    recorded_at: datetime
    data: bytes


class _Block(msgspec.Struct, frozen=True, array_like=True):
    version: int
    entries: list[Entry]


class _BlockOut(msgspec.Struct, frozen=True, array_like=True):
    version: int
    entries: Sequence[Entry]


_decode = msgspec.msgpack.Decoder(_Block).decode
_decoders = REGISTRY.decoders  # called without a step between: this is a line that every event passes
_encode = msgspec.msgpack.Encoder().encode


def encode_block(entries: Sequence[Entry]) -> bytes:
    """Return ``entries`` as one block. Their times must be timezone-aware."""
    return _encode(_BlockOut(VERSION, entries))


def decode_entries(block: bytes) -> list[Entry]:
    """Return the entries of a block with their facts still packed (dead letters, timelines, copies).

    Raises:
        InputProblem: ``block-corrupt`` or ``block-newer``.
    """
    try:
        unpacked = _decode(block)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise InputProblem(
            "block-corrupt",
            "a journal block cannot be unpacked",
            why=str(error),
            hint="restore the journal from its replica or backup; `firstword doctor` says how far it is sound",
        ) from error
    if unpacked.version != VERSION:
        raise InputProblem(
            "block-newer",
            f"a journal block has version {unpacked.version}",
            why=f"this program reads version {VERSION}",
            hint="upgrade firstword: a newer one wrote this journal",
        )
    return unpacked.entries


def decode_block(block: bytes) -> list[Event]:
    """Return the events of a block, typed, in their order.

    Raises:
        InputProblem: the codes of :func:`decode_entries` and of ``decode_fact``; a journal that was
            written by this product never causes one.
    """
    events = []
    for entry in decode_entries(block):
        try:
            fact = _decoders[entry.type](entry.data)
        except UNREADABLE:  # of an older version, or broken: the registry knows
            fact = decode_fact(entry.type, entry.data)
        events.append(
            Event(
                id=entry.id,
                source=entry.source,
                order_id=entry.order_id,
                occurred_at=entry.occurred_at,
                recorded_at=entry.recorded_at,
                fact=fact,
            )
        )
    return events


def to_entry(event: Event, data: bytes | None = None) -> Entry:
    """Return the journal's form of ``event``; ``data`` is its JSON as it arrived, if it came from outside."""
    return Entry(
        order_id=event.order_id,
        id=event.id,
        source=event.source,
        type=event.fact.TYPE,
        occurred_at=event.occurred_at,
        recorded_at=event.recorded_at,
        data=encode_fact(event.fact) if data is None else data,
    )


_TICK = encode_fact(TimePassed(order_id=EVERY_ORDER))


def tick(now: datetime) -> Entry:
    """Return the entry that says: nothing came until ``now``."""
    return Entry(
        order_id=EVERY_ORDER,
        id=f"tick:{now.isoformat()}",
        source="firstword",
        type=TimePassed.TYPE,
        occurred_at=now,
        recorded_at=now,
        data=_TICK,
    )
