"""Our own events: one CloudEvent 1.0 per line, Kafka record or HTTP body, as published in ``schemas/``.

What it sees: the thirteen inbound types of ``schemas/asyncapi.yaml``. The event's ``id`` and ``source`` are
kept as they are; ``data`` is kept as it arrived, unknown fields included.

What it refuses: decisions and outcomes (only this product makes them), a ``subject`` that contradicts
``data.order_id``, and everything the envelope and the schemas refuse.

A checkpoint that only knows its tracking number carries no order; the pipeline finds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from streams.codec.envelope import Envelope, decode_envelope
from streams.codec.registry import DECISION_TYPES, INBOUND_TYPES, OUTCOME_TYPES, REGISTRY, decode_fact
from streams.core.events import AnyFact, TimePassed
from streams.pipeline.ports import Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.foreign import name
from streams.sources.reading import records, rejected

_OURS = DECISION_TYPES | OUTCOME_TYPES | {TimePassed.TYPE}


class Native:
    """CloudEvents in files, folders, standard input or records."""

    name = "native"

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield one record per line of ``*.ndjson``, ``*.jsonl``, ``*.json`` (each also ``.gz``) or ``-``.

        Raises:
            InputProblem: ``source-not-found`` or ``source-empty``.
        """
        return records(self.name, location, after=after)

    def translate(self, record: Record) -> Translation:
        """Return the fact in a CloudEvent, or why it is none."""
        if isinstance(record.parsed, Rejected):
            return record.parsed
        try:
            return (_incoming(decode_envelope(record.raw)),)
        except InputProblem as problem:
            return rejected(problem)


def _incoming(envelope: Envelope) -> Incoming:
    if envelope.type in _OURS:
        raise InputProblem(
            "type-not-inbound",
            f"{envelope.type} is decided here and never comes in",
            where="$.type",
            why="decisions and outcomes from outside would be believed like our own",
            hint="read firstword.decisions with another program; send facts: "
            + ", ".join(sorted(INBOUND_TYPES)),
        )
    wire_type, payload = REGISTRY.current(envelope.type, bytes(envelope.data))
    fact = decode_fact(wire_type, payload)
    return Incoming(
        id=envelope.id,
        source=envelope.source,
        occurred_at=envelope.time,
        order_id=_order_id(envelope, fact),
        fact=fact,
        data=payload,
    )


def _order_id(envelope: Envelope, fact: AnyFact) -> str | None:
    order_id = fact.order_id
    if order_id is None:
        return None
    if name(order_id) != order_id:
        raise InputProblem(
            "order-id-unusable",
            f"{order_id[:64]!r} cannot be an order id",
            where="$.data.order_id",
            why="an order id has 1 to 256 printable characters, no blanks around it, and is not `*`",
            hint="send the id that people and systems call the order by",
        )
    if envelope.subject is not None and envelope.subject != order_id:
        raise InputProblem(
            "subject-mismatch",
            "subject and data name different orders",
            where="$.subject",
            why=f"subject is {envelope.subject[:64]!r}, data.order_id is {order_id[:64]!r}",
            hint="leave subject out, or make it the order id",
        )
    return order_id


SOURCE = Native()
