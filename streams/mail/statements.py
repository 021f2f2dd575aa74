"""The statements that every mail runs, in the driver's own words, and the tables they work on.

SQLAlchemy writes each statement once, for whatever database it is; after that the driver runs it directly.
A mail needs three small transactions, and Core's own bookkeeping would cost more than SQLite's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    literal_column,
    select,
)
from sqlalchemy.sql.expression import ClauseElement

from streams.mail.ledger import UNSEEN, Row, Swap

METADATA: Final = MetaData()
# Times are text, `2026-11-20T10:15:00.000000Z`: it sorts as it should in every database and a person with a
# SQL prompt can read it.
MAILS: Final = Table(
    "mail_ledger",
    METADATA,
    Column("message_id", String(256), primary_key=True),
    Column("order_id", String(256), nullable=False),
    Column("case_id", String(256), nullable=False, index=True),
    Column("template", String(256), nullable=False),
    Column("locale", String(64), nullable=False),
    Column("to_hash", String(64), nullable=False),
    Column("thread_place", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("doubts", Integer, nullable=False),
    Column("queued_at", String(27), nullable=False),
    Column("next_attempt_at", String(27), nullable=True),
    Column("claimed_by", String(256), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("letter", LargeBinary, nullable=True),
    Column("reply", Text, nullable=False),
    Column("updated_at", String(27), nullable=False),
)
_WAITING = MAILS.c.next_attempt_at.is_not(None)  # few mails ever wait: all others stay out of the index
Index("mail_ledger_waiting", MAILS.c.next_attempt_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
BARRED: Final = Table(
    "mail_barred",
    METADATA,
    Column("to_hash", String(64), primary_key=True),
    Column("why", Text, nullable=False),
    Column("since", String(27), nullable=False),
)
OWNERS: Final = Table(
    "mail_owners",
    METADATA,
    Column("owner", String(256), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
_TIMES: Final = ("queued_at", "next_attempt_at", "updated_at")
_ALWAYS: Final = (
    "subject",
    "state",
    "attempt",
    "doubts",
    "queued_at",
    "claimed_by",
    "generation",
    "reply",
    "updated_at",
)
# Left out while they stay as they are: the one is large, the other costs an index.
_SELDOM: Final = ("letter", "next_attempt_at")
_VERSION: Final = ("message_id", "state", "claimed_by", "generation", "attempt")
_AT_ONCE = 256  # ids in one IN list, below SQLite's oldest limit of 999 variables


class Prepared:
    """One statement as the driver wants it."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, suffix: str = "") -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text = f"{compiled}{suffix}"
        self._names: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None

    def run(self, cursor: Any, values: Mapping[str, Any]) -> None:
        """Run it once."""
        cursor.execute(self._text, self._bound(values))

    def run_all(self, cursor: Any, every: Sequence[Mapping[str, Any]]) -> int:
        """Run it for each set of values; return how many rows changed (-1: the driver does not say)."""
        if len(every) == 1:
            self.run(cursor, every[0])
        else:
            cursor.executemany(self._text, list(map(self._bound, every)))
        return int(cursor.rowcount)

    def _bound(self, values: Mapping[str, Any]) -> Any:
        return values if self._names is None else tuple([values[name] for name in self._names])


class Statements:
    """All of them, for one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # The same words in SQLite and PostgreSQL; Core has them only per dialect.
        self.insert = Prepared(MAILS.insert(), dialect, " ON CONFLICT (message_id) DO NOTHING")
        self._swaps: dict[tuple[str, ...], Prepared] = {}
        self._of_many: dict[tuple[str, int], Prepared] = {}

    def swap(self, changing: tuple[str, ...]) -> Prepared:
        """Return the compare-and-set that writes ``changing`` besides what every change writes."""
        prepared = self._swaps.get(changing)
        if prepared is None:
            statement = (
                MAILS.update()
                .where(*(MAILS.c[name] == bindparam(f"old_{name}") for name in _VERSION))
                .values({name: bindparam(f"new_{name}") for name in (*_ALWAYS, *changing)})
            )
            prepared = self._swaps[changing] = Prepared(statement, self._dialect)
        return prepared

    def stored(self, cursor: Any, message_ids: Iterable[str]) -> dict[str, Row]:
        """Return the rows that are there, by id."""
        return {values[0]: row_of(values) for values in self._rows(cursor, "stored", message_ids)}

    def reasons(self, cursor: Any, to_hashes: Iterable[str]) -> dict[str, str]:
        """Return why addresses are barred; those that are not are absent."""
        return dict(self._rows(cursor, "reasons", to_hashes))

    def first_subjects(self, cursor: Any, case_ids: Iterable[str]) -> dict[str, str]:
        """Return per case the subject that names its conversation; the order makes it the same everywhere."""
        first: dict[str, str] = {}
        for case_id, subject in self._rows(cursor, "subjects", case_ids):
            first.setdefault(case_id, subject)
        return first

    def _rows(self, cursor: Any, name: str, keys: Iterable[str]) -> Iterator[Any]:
        every = list(keys)
        for start in range(0, len(every), _AT_ONCE):
            some = every[start : start + _AT_ONCE]
            places = 1 << (len(some) - 1).bit_length()  # a power of two, so that there are nine statements
            some += some[-1:] * (places - len(some))
            values = {f"key_{place}": key for place, key in enumerate(some)}
            self._one_of_many(name, places).run(cursor, values)
            yield from cursor.fetchall()

    def _one_of_many(self, name: str, places: int) -> Prepared:
        prepared = self._of_many.get((name, places))
        if prepared is None:
            keys = [bindparam(f"key_{place}", type_=String) for place in range(places)]
            prepared = self._of_many[name, places] = Prepared(_LOOKUPS[name](keys), self._dialect)
        return prepared


_UNSEEN: Final[list[Any]] = [literal_column(f"'{state}'") for state in UNSEEN]
_LOOKUPS: Final[dict[str, Callable[[list[Any]], Any]]] = {
    "stored": lambda keys: select(MAILS).where(MAILS.c.message_id.in_(keys)),
    "reasons": lambda keys: select(BARRED.c.to_hash, BARRED.c.why).where(BARRED.c.to_hash.in_(keys)),
    "subjects": lambda keys: (
        select(MAILS.c.case_id, MAILS.c.subject)
        .where(
            MAILS.c.case_id.in_(keys), MAILS.c.subject != literal_column("''"), MAILS.c.state.not_in(_UNSEEN)
        )
        .order_by(MAILS.c.thread_place, MAILS.c.queued_at, MAILS.c.message_id)
    ),
}


# ---------------------------------------------------------------------------- rows and values


def values_of(row: Row) -> dict[str, Any]:
    """Return a row as the table's columns."""
    values = msgspec.structs.asdict(row)
    values["queued_at"] = text_of(row.queued_at)
    values["updated_at"] = text_of(row.updated_at)
    if row.next_attempt_at is not None:
        values["next_attempt_at"] = text_of(row.next_attempt_at)
    return values


def row_of(values: Sequence[Any]) -> Row:
    """Return the table's columns as a row."""
    named = dict(zip(_COLUMNS, values, strict=True))
    for name in _TIMES:
        if named[name] is not None:
            named[name] = datetime.fromisoformat(named[name])
    if named["letter"] is not None:
        named["letter"] = bytes(named["letter"])
    return Row(**named)


_COLUMNS: Final = tuple(column.name for column in MAILS.columns)


def change_of(swap: Swap) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return which of the seldom written columns a swap changes, and the values for its statement."""
    old, new = swap.old, swap.new
    changing = tuple([name for name in _SELDOM if getattr(new, name) != getattr(old, name)])
    values = {f"new_{name}": value for name, value in values_of(new).items()}
    for name in _VERSION:
        values[f"old_{name}"] = getattr(old, name)
    return changing, values


@lru_cache(maxsize=256)
def text_of(moment: datetime) -> str:
    """Return a moment as the ledger writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
