"""The statements that every mail runs, in the driver's own words.

SQLAlchemy writes each statement once, for whatever database it is; after that the driver runs it directly.
A mail needs three small transactions, and Core's own bookkeeping would cost more than SQLite's work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import Dialect, String, bindparam, literal_column, null, select
from sqlalchemy.sql.expression import ClauseElement

from streams.mail.ledger import UNSEEN, Row, Swap
from streams.storage.tables import BARRED, MAILS

_TIMES: Final = ("queued_at", "next_attempt_at", "updated_at", "untold_since")
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
# Left out while they stay as they are: the one is large, the times cost an index, words stay for ever.
_SELDOM: Final = ("letter", "next_attempt_at", "untold_since", "template_version", "variant")
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
        self.told = Prepared(_TOLD, dialect)
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


_TOLD: Final = (
    MAILS.update()
    .where(*(MAILS.c[name] == bindparam(f"told_{name}") for name in ("message_id", "state", "attempt")))
    .values(untold_since=null())
)
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
    if row.untold_since is not None:
        values["untold_since"] = text_of(row.untold_since)
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
