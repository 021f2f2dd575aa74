"""What our records carry: decisions for the world, decisions for our own workers, letters nobody could read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from streams.codec.blocks import Entry, decode_entries, encode_block
from streams.codec.envelope import encode_envelope
from streams.codec.registry import decode_fact, encode_fact
from streams.core.events import AnyFact, Decision, Event
from streams.pipeline.dead_letters import DeadLetter
from streams.problems import InputProblem

PUBLIC = "firstword"

_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_encode = msgspec.json.Encoder().encode


class Effective(msgspec.Struct, frozen=True):
    """One decision out of the outbox, and the moment at which it was made."""

    decision: Decision
    now: datetime


def outbox_record(decisions: Sequence[Decision], now: Sequence[datetime]) -> bytes:
    """Return decisions that somebody must make true as one record, each with the moment it was made at."""
    entries = [
        Entry(one.order_id, one.decision_id, PUBLIC, one.TYPE, moment, moment, encode_fact(one))
        for one, moment in zip(decisions, now, strict=True)
    ]
    return encode_block(entries)


def read_outbox(record: bytes) -> list[Effective]:
    """Return the decisions of an outbox record.

    Raises:
        InputProblem: the codes of :func:`streams.codec.blocks.decode_entries`; ``not-a-decision``.
    """
    found = []
    for entry in decode_entries(record):
        fact = decode_fact(entry.type, entry.data)
        if not isinstance(fact, Decision):
            raise InputProblem(
                "not-a-decision",
                f"the outbox holds {entry.type}",
                why="only decisions are made true",
                hint="somebody else writes to our outbox: look at the topic's permissions",
            )
        found.append(Effective(fact, entry.recorded_at))
    return found


def public_record(identity: str, fact: AnyFact, now: datetime) -> bytes:
    """Return a decision or outcome as the CloudEvent that other systems read."""
    order_id = fact.order_id
    assert order_id is not None  # decisions are made about orders
    return encode_envelope(
        Event(id=identity, source=PUBLIC, order_id=order_id, occurred_at=now, recorded_at=now, fact=fact)
    )


def letter_record(letter: DeadLetter) -> bytes:
    """Return a dead letter as JSON; its raw bytes in base64."""
    return _encode(letter)


def read_letter(record: bytes) -> DeadLetter:
    """Return the dead letter in a record.

    Raises:
        InputProblem: ``letter-unreadable``.
    """
    try:
        return _decode_letter(record)
    except msgspec.DecodeError as error:
        raise InputProblem(
            "letter-unreadable",
            "a record of the dead letters is none of ours",
            why=str(error),
            hint="skip it; look at who may write to the topic",
        ) from error
