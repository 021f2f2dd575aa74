"""Reads the outbox: what can be understood is made true, and only what cannot is set aside."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.codec.blocks import decode_entries, encode_block
from streams.pipeline.dead_letters import DeadLetter, bury
from streams.pipeline.ports import Rejected
from streams.problems import InputProblem
from streams.service.records import Effective, read_outbox

SOURCE = "outbox"


class OutboxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the outbox as it lies there; ``place`` says where a person finds it, ``at`` when it was written."""

    partition: int
    offset: int
    value: bytes
    place: str
    at: datetime


def salvage(record: OutboxRecord) -> tuple[list[Effective], list[DeadLetter]]:
    """Return the decisions of a record, and a dead letter for each that nobody can read.

    The letter of a decision holds it as a record of one, so that it can be put back into the outbox.
    """
    try:
        return read_outbox(record.value), []
    except InputProblem as problem:
        reason = problem
    try:
        entries = decode_entries(record.value)
    except InputProblem:
        return [], [_letter(record, record.value, record.place, reason)]
    decisions: list[Effective] = []
    letters: list[DeadLetter] = []
    for number, entry in enumerate(entries):
        alone = encode_block([entry])
        try:
            decisions += read_outbox(alone)
        except InputProblem as problem:
            letters.append(_letter(record, alone, f"{record.place}#{number}", problem))
    return decisions, letters


def _letter(record: OutboxRecord, raw: bytes, place: str, problem: InputProblem) -> DeadLetter:
    why = f"{problem.what}: {problem.why}" if problem.why else problem.what
    return bury(SOURCE, place, Rejected(code=problem.code, why=why, hint=problem.hint), raw, record.at)
