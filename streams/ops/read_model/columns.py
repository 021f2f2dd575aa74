"""The columns of a row, made of what the fold knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Final

import msgspec

from streams.codec.registry import encode_fact
from streams.core import events as facts
from streams.core.events import AnyFact
from streams.core.ids import fingerprint, identify
from streams.embedded.journal import LoggedDecision
from streams.ops.read_model.portions import Heard
from streams.ops.read_model.rows import CaseState, MessageState, ReviewState, TroubleState
from streams.ops.read_model.spending import CostState
from streams.ops.read_model.tables import clean, text_of
from streams.pipeline.correlate import Parked
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.parked import written

Columns = Mapping[str, object]
_NAMES: Final = 256  # names of a dead letter by which an order may find it
_QUOTED = re.compile(rb'"([^"\\]{1,256})"')
pack = msgspec.msgpack.Encoder(order="deterministic").encode  # the same tables whatever came first


def parked_key(source: str, event_id: str) -> str:
    """Return the row id of a parked scan: the event's identity."""
    return identify("park", source, event_id)


def name_mark(name: str) -> bytes:
    """Return the eight bytes under which a dead letter remembers a name that stands in it."""
    return blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()


def order_of(fact: AnyFact) -> str:
    """Return the order of a decision or an outcome."""
    order_id = fact.order_id
    assert order_id is not None  # decisions and outcomes are about orders
    return order_id


def event_columns(heard: Heard) -> Columns:
    """Return the row of an event: the journal's entry whole, under its order."""
    entry = heard.entry
    return {
        "order_id": entry.order_id,
        "mark": fingerprint(entry.source, entry.id),
        "position": heard.position,
        "place": heard.place,
        "entry": pack(entry),
    }


def decision_columns(one: LoggedDecision) -> Columns:
    """Return the row of a decision, without what is private; letters are kept by themselves."""
    fact = facts.without_private(one.fact)
    return {
        "order_id": order_of(fact),
        "id": one.id,
        "number": one.number,
        "type": one.type,
        "now": text_of(one.now),
        "body": encode_fact(fact),
    }


def marks(raw: bytes) -> set[bytes]:
    """Return the marks of what stands between quotes in a dead letter, its first names only."""
    found: set[bytes] = set()
    for quoted in _QUOTED.finditer(raw):
        found.add(name_mark(quoted[1].decode("utf-8", "replace")))
        if len(found) == _NAMES:
            break
    return found


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else text_of(moment)


def case_columns(case: CaseState) -> Columns:
    """Return what a case is looked up by."""
    return {"case_id": case.case_id, "order_id": case.order_id, "since": _time(case.since)}


def trouble_columns(trouble: TroubleState) -> Columns:
    """Return what an exception is looked up by."""
    return {
        "exception_id": trouble.exception_id,
        "case_id": trouble.case_id,
        "order_id": trouble.order_id,
        "kind": trouble.kind,
        "since": _time(trouble.since),
        "cleared_at": _time(trouble.cleared_at),
    }


def review_columns(review: ReviewState) -> Columns:
    """Return what a review is looked up by."""
    return {
        "review_id": clean(review.review_id),
        "order_id": review.order_id,
        "asked_at": _time(review.asked_at),
        "standing": review.standing,
    }


def cost_columns(cost: CostState) -> Columns:
    """Return what a remedy's cost is looked up by."""
    return {"remedy_id": cost.remedy_id, "order_id": cost.order_id, "at": text_of(cost.at)}


def message_columns(mail: MessageState) -> Columns:
    """Return what a mail is looked up by."""
    since = mail.held_since if mail.standing == "held" else mail.changed_at
    return {
        "message_id": mail.message_id,
        "order_id": mail.order_id,
        "standing": mail.standing,
        "changed_at": _time(since),
    }


def dead_columns(letter: DeadLetter) -> Columns:
    """Return the row of a dead letter."""
    return {
        "id": letter.id,
        "source": clean(letter.source),
        "place": clean(letter.place),
        "code": clean(letter.code),
        "why": clean(letter.why),
        "hint": clean(letter.hint),
        "at": text_of(letter.at),
        "raw": letter.raw,
        "version": letter.version,
        "redriven_at": None,
    }


def parked_columns(row: str, waits: Parked) -> Columns:
    """Return the row of a parked scan."""
    return {
        "id": row,
        "key": waits.key,
        "since": text_of(waits.since),
        "body": pack(written(waits)),
    }
