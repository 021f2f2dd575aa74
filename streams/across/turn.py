"""One transaction at a time across all processes: whoever has the turn sees everything that was granted before.

PostgreSQL lends the turn as an advisory lock that ends with the transaction, and so with the process; SQLite
has one writer at a time anyway, if the transaction says at its beginning that it will write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sqlalchemy import Dialect, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.expression import ClauseElement

from streams.problems import WorldProblem

_LOCK: Final = 0x6163726F_73730000  # the advisory lock's number in PostgreSQL: "across"
_TAKE: Final = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": f"SELECT pg_advisory_xact_lock({_LOCK})",
}

_T = TypeVar("_T")


class Prepared:
    """One statement as the driver wants it: Core's own bookkeeping would cost more than SQLite's work."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        self._names: tuple[str, ...] | None = tuple(compiled.positiontup) if compiled.positional else None

    def run(self, cursor: Any, **values: Any) -> None:
        """Run it once."""
        cursor.execute(self._text, self._bound(values))

    def run_all(self, cursor: Any, every: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each set of values."""
        if every:
            cursor.executemany(self._text, [self._bound(values) for values in every])

    def rows(self, cursor: Any, **values: Any) -> list[tuple[Any, ...]]:
        """Run it and return what it finds."""
        self.run(cursor, **values)
        return list(cursor.fetchall())

    def number(self, cursor: Any, **values: Any) -> int:
        """Run it and return the one number that it finds, 0 where it finds none."""
        self.run(cursor, **values)
        found = cursor.fetchone()
        return 0 if found is None or found[0] is None else int(found[0])

    def _bound(self, values: Mapping[str, Any]) -> Any:
        known = {**self._fixed, **values} if self._fixed else values
        return known if self._names is None else tuple([known[name] for name in self._names])


class Turns:
    """Transactions over one engine; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._take = _TAKE[engine.dialect.name]
        self._broken: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._ours = threading.Lock()  # SQLite looks again after a pause; our own threads need not

    def write(self, work: Callable[[Any], _T]) -> _T:
        """Do the work alone, in one transaction; it is done when this returns.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable: nothing was changed, or all of it was.
        """
        with self._ours, self._cursor() as (connection, cursor):
            cursor.execute(self._take)
            done = work(cursor)
            connection.commit()
            return done

    def read(self, work: Callable[[Any], _T]) -> _T:
        """Look without waiting for anybody.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable.
        """
        with self._cursor() as (_, cursor):
            return work(cursor)

    @contextmanager
    def _cursor(self) -> Iterator[tuple[Any, Any]]:
        try:
            connection = self._engine.raw_connection()
            try:
                yield connection, connection.cursor()
            finally:
                connection.close()  # back to the pool, which rolls back what was not committed
        except (self._broken, SQLAlchemyError) as error:
            raise _unusable(error) from error


def _unusable(error: Exception) -> WorldProblem:
    # The first line only, and of the driver's error: rows are nobody else's business.
    cause = getattr(error, "orig", None) or error
    return WorldProblem(
        "allowances-unusable",
        "nobody can be asked whether money may be spent or a mail may go, so neither happens",
        why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
        hint="free the disk or bring the database back; everything goes on where it stopped",
        retriable=True,
    )
