"""What became of the cases that got one wording or another: the ledger's mails beside what came in afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from streams.codec.blocks import Entry
from streams.core.events import CustomerReported, MessageBounced, ReturnCheckpoint, ReturnLabelIssued
from streams.ops.read_model import tables
from streams.ops.read_model.mails import MOST_VARIED, Varied
from streams.ops.read_model.shapes import VariantCount, Variants

_AT_ONCE: Final = 500  # orders in one question
_LATER: Final = (CustomerReported.TYPE, ReturnCheckpoint.TYPE)
_BOUNCED: Final = MessageBounced.TYPE.split(".")[1]
_decode_entry = msgspec.msgpack.Decoder(Entry).decode

# By order and type: when it came last.
Last = dict[tuple[str, str], datetime]


def count(db: Connection, mails: Sequence[Varied], written_last: Mapping[str, datetime]) -> Variants:
    """Return the figures of each message and variant, by name.

    A case counts once, by its first mail that was accepted; only what came after that mail counts for it.
    """
    groups: dict[tuple[str, str], list[Varied]] = {}
    for mail in mails:
        groups.setdefault((mail.template, mail.variant), []).append(mail)
    orders = sorted({mail.order_id for mail in mails if mail.state == "accepted"})
    last, labels = _came_last(db, orders), _with_labels(db, orders)
    bounced = _bounced(db, [mail.message_id for mail in mails])
    rows = [_row(key, groups[key], bounced, _Cases(written_last, last, labels)) for key in sorted(groups)]
    return Variants(rows=tuple(rows), counted=len(mails) if len(mails) >= MOST_VARIED else None)


class _Cases:
    """What happened to cases after their mails."""

    def __init__(self, written: Mapping[str, datetime], last: Last, labels: set[str]) -> None:
        self._written = written
        self._last = last
        self._labels = labels

    def written_again(self, mail: Varied) -> bool:
        return self._written.get(mail.case_id, mail.queued_at) > mail.queued_at

    def came(self, mail: Varied, wire_type: str) -> bool:
        return self._last.get((mail.order_id, wire_type), mail.updated_at) > mail.updated_at

    def has_label(self, mail: Varied) -> bool:
        return mail.order_id in self._labels


def _row(key: tuple[str, str], mails: Sequence[Varied], bounced: set[str], cases: _Cases) -> VariantCount:
    first: dict[str, Varied] = {}
    for mail in reversed(mails):  # the newest come first
        if mail.state == "accepted":
            first.setdefault(mail.case_id, mail)
    told = list(first.values())
    labeled = [mail for mail in told if cases.has_label(mail)]
    return VariantCount(
        template=key[0],
        variant=key[1],
        mails=len(mails),
        accepted=sum(mail.state == "accepted" for mail in mails),
        refused=sum(mail.state == "refused" for mail in mails),
        bounced=sum(mail.message_id in bounced for mail in mails),
        cases=len(told),
        reported=sum(cases.came(mail, CustomerReported.TYPE) for mail in told),
        written_again=sum(map(cases.written_again, told)),
        labels=len(labeled),
        labels_used=sum(cases.came(mail, ReturnCheckpoint.TYPE) for mail in labeled),
    )


def _came_last(db: Connection, orders: Iterable[str]) -> Last:
    last: Last = {}
    table = tables.EVENTS
    for some in _portions(orders):
        query = select(table.c.order_id, table.c.entry).where(table.c.order_id.in_(some))
        for order_id, packed in db.execute(query):
            entry = _decode_entry(packed)
            if entry.type in _LATER:
                key = order_id, entry.type
                last[key] = max(entry.occurred_at, last.get(key, entry.occurred_at))
    return last


def _with_labels(db: Connection, orders: Iterable[str]) -> set[str]:
    table = tables.DECISIONS
    found: set[str] = set()
    for some in _portions(orders):
        query = select(table.c.order_id).where(
            table.c.order_id.in_(some), table.c.type == ReturnLabelIssued.TYPE
        )
        found.update(db.execute(query).scalars())
    return found


def _bounced(db: Connection, message_ids: Iterable[str]) -> set[str]:
    table = tables.MESSAGES
    found: set[str] = set()
    for some in _portions(message_ids):
        query = select(table.c.message_id).where(table.c.message_id.in_(some), table.c.standing == _BOUNCED)
        found.update(db.execute(query).scalars())
    return found


def _portions(names: Iterable[str]) -> Iterator[list[str]]:
    every = list(names)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]
