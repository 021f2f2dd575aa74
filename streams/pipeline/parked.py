"""A parked scan as it is written down: the same eight values in every room, whatever stands around them."""

from __future__ import annotations

from datetime import datetime

from streams.codec.registry import decode_fact, encode_fact
from streams.pipeline.correlate import Parked
from streams.pipeline.ports import Incoming

Written = tuple[str, str, datetime, str, str, datetime, str, bytes]
"""Key, place, since; the event's id, source, time, wire type and JSON."""


def written(waits: Parked) -> Written:
    """Return a parked scan as values that msgpack can hold."""
    incoming = waits.incoming
    data = incoming.data if incoming.data is not None else encode_fact(incoming.fact)
    return (
        waits.key,
        waits.place,
        waits.since,
        incoming.id,
        incoming.source,
        incoming.occurred_at,
        incoming.fact.TYPE,
        data,
    )


def parked_of(values: Written) -> Parked:
    """Return the parked scan that was written down.

    Raises:
        InputProblem: the codes of ``decode_fact``.
    """
    key, place, since, identity, source, occurred_at, wire_type, data = values
    incoming = Incoming(
        id=identity,
        source=source,
        occurred_at=occurred_at,
        order_id=None,
        fact=decode_fact(wire_type, data),
        data=data,
    )
    return Parked(key=key, incoming=incoming, place=place, since=since)
