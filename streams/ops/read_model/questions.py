"""The statements behind the console's questions; each uses an index, also with a million orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, and_, func, select
from sqlalchemy.orm import aliased

from streams.ops.read_model import answers, tables
from streams.ops.read_model.answers import DAYS
from streams.ops.read_model.rows import MessageState, TroubleState
from streams.ops.read_model.shapes import PAGE, LetterGroup, Page, ParkedScan

DOUBTFUL: Final = ("in_doubt", "refused")
_WAITING: Final = ("held", "queued", "deferred", *DOUBTFUL)  # states that a mail should not stay in
_trouble = msgspec.msgpack.Decoder(TroubleState).decode
_message = msgspec.msgpack.Decoder(MessageState).decode


def paged(query: Any, page: int) -> Any:
    """Return the rows of a page, and one more that tells whether there is another."""
    return query.limit(PAGE + 1).offset(max(page, 0) * PAGE)


def cut(rows: Any) -> tuple[list[Any], bool]:
    """Return the rows without that one, and whether it was there."""
    found = list(rows)
    return found[:PAGE], len(found) > PAGE


def gauges(db: Connection) -> dict[str, int]:
    """Return how many there are now of everything that is counted."""
    return {name: count for name, count in db.execute(select(tables.GAUGES))}  # noqa: C416 - mypy reads a Row as one value


def now(db: Connection) -> datetime | None:
    """Return how far recorded time has come."""
    return tables.moment_of(
        db.execute(select(tables.META.c.value).where(tables.META.c.name == "now")).scalar()
    )


def hours(db: Connection, now: datetime) -> dict[str, dict[str, int]]:
    """Return the counts of the last days by name and hour."""
    table = tables.COUNTERS
    kinds = select(table.c.name).where(table.c.name >= "opened.", table.c.name < "opened/").distinct()
    first = tables.text_of(now - timedelta(days=DAYS))[:13]
    names = ["events", "message.accepted", *db.execute(kinds).scalars()]
    query = select(table.c.name, table.c.hour, table.c.count)
    found: dict[str, dict[str, int]] = {}
    for name, hour, count in db.execute(query.where(table.c.name.in_(names), table.c.hour >= first)):
        found.setdefault(name, {})[hour] = count
    return found


def case_ids() -> Any:
    """Return the cases with something open, the longest standing first."""
    table = tables.CASES
    return select(table.c.case_id).where(table.c.since.is_not(None)).order_by(table.c.since, table.c.case_id)


def case_ids_of(kind: str) -> Any:
    """Return the cases by their oldest open trouble of a kind, each once."""
    one, other = tables.TROUBLES, aliased(tables.TROUBLES)
    older = and_(
        other.c.case_id == one.c.case_id,
        other.c.kind == one.c.kind,
        other.c.cleared_at.is_(None),
        other.c.exception_id != one.c.exception_id,
        (other.c.since < one.c.since)
        | ((other.c.since == one.c.since) & (other.c.exception_id < one.c.exception_id)),
    )
    query = select(one.c.case_id).where(one.c.kind == kind, one.c.cleared_at.is_(None))
    return query.where(~select(1).where(older).exists()).order_by(one.c.since, one.c.exception_id)


def cases(db: Connection, ids: Sequence[str]) -> Sequence[RowMapping]:
    """Return the states of cases, and where their customers are."""
    cases, orders = tables.CASES, tables.ORDERS
    both = cases.outerjoin(orders, orders.c.order_id == cases.c.order_id)
    query = select(cases.c.case_id, cases.c.state, orders.c.country).select_from(both)
    return db.execute(query.where(cases.c.case_id.in_(ids))).mappings().all()


def order(db: Connection, order_id: str) -> RowMapping | None:
    """Return the row of an order."""
    return db.execute(select(tables.ORDERS).where(tables.ORDERS.c.order_id == order_id)).mappings().first()


def troubles(db: Connection, ids: set[str]) -> dict[str, TroubleState]:
    """Return exceptions by their ids."""
    table = tables.TROUBLES
    query = select(table.c.state).where(table.c.exception_id.in_(sorted(ids)))
    return {one.exception_id: one for one in map(_trouble, db.execute(query).scalars())}


def standing(db: Connection, standings: Sequence[str], page: int) -> tuple[list[MessageState], bool]:
    """Return mails that stand so, state by state, the longest standing first."""
    table = tables.MESSAGES
    query = select(table.c.state).where(table.c.standing.in_(standings), tables.LISTED)
    found, more = cut(
        db.execute(
            paged(query.order_by(table.c.standing, table.c.changed_at, table.c.message_id), page)
        ).scalars()
    )
    return list(map(_message, found)), more


def doubtful(db: Connection, most: int) -> list[MessageState]:
    """Return mails of which nobody knows, or that were refused, by what we have heard."""
    table = tables.MESSAGES
    query = select(table.c.state).where(table.c.standing.in_(DOUBTFUL), tables.LISTED)
    return list(
        map(_message, db.execute(query.order_by(table.c.standing, table.c.changed_at).limit(most)).scalars())
    )


def oldest(db: Connection, standing: str) -> datetime | None:
    """Return since when the oldest mail stands so, where it should not stay."""
    if standing not in _WAITING:
        return None
    table = tables.MESSAGES
    query = select(func.min(table.c.changed_at)).where(table.c.standing == standing, tables.LISTED)
    return tables.moment_of(db.execute(query).scalar())


def groups(db: Connection) -> Iterator[LetterGroup]:
    """Return the letters that nobody has put back, by reason and source."""
    table = tables.DEAD_LETTERS
    for name, count in sorted(gauges(db).items()):
        if not name.startswith("letters.") or not count:
            continue
        code, _, source = name.removeprefix("letters.").partition(" ")
        query = select(func.max(table.c.at)).where(table.c.code == code, table.c.source == source)
        newest = tables.moment_of(db.execute(query).scalar())
        if newest is not None:
            yield LetterGroup(code=code, source=source, count=count, newest=newest)


def parked_page(db: Connection) -> Page[ParkedScan]:
    """Return the first page of the parked scans: more of them are a fault of their own, whose count says enough."""
    table = tables.PARKED
    query = select(table.c.body).order_by(table.c.since, table.c.id)
    found, more = cut(db.execute(paged(query, 0)).scalars())
    rows = tuple(map(answers.scan, found))
    return Page(rows=rows, more=more, total=gauges(db).get("parked", 0))
