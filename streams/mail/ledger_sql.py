"""The ledger in a database: SQLite on one machine, PostgreSQL for several, one set of statements for both.

Claims insert what is absent and swaps are ``UPDATE ... WHERE`` the row still is what it was; both are tried
as if they will win, which nearly all do, and asked one by one only when some did not. Nothing here depends
on a dialect but the pragmas that say how durable SQLite is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from streams.mail.ledger import Claim, Row, Swap, Written, ensure_legal
from streams.mail.statements import (
    BARRED,
    MAILS,
    METADATA,
    OWNERS,
    Statements,
    change_of,
    row_of,
    text_of,
    values_of,
)
from streams.problems import WorldProblem

_RACES = 5  # another process inserting the same id between our SELECT and INSERT, so often in a row

_T = TypeVar("_T")
Synchronous = Literal["FULL", "NORMAL"]


def open_ledger(url: str, *, synchronous: Synchronous = "FULL") -> SqlLedger:
    """Open, and create where absent, the ledger at a SQLAlchemy URL or a path to a SQLite file.

    ``synchronous`` is SQLite's. Both survive a killed process. ``NORMAL`` may lose the newest commits when
    the machine loses power: a mail whose ``sending`` was lost would then go out twice. ``FULL`` waits for
    the disk, once per batch of concurrent messages.

    Raises:
        streams.problems.WorldProblem: the database cannot be opened.
    """
    location = url if "://" in url else f"sqlite:///{Path(url)}"
    try:
        engine = create_engine(location)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", lambda connection, _: _tune(connection, synchronous))
        return SqlLedger(engine, synchronous)
    except SQLAlchemyError as error:
        raise _broken(error) from error


def _tune(connection: Any, synchronous: Synchronous) -> None:
    """Set what SQLite forgets between connections; 10 s cover another process's longest commit.

    A checkpoint waits for the disk whatever ``synchronous`` says: every 40 MB instead of every 4.
    """
    settings = (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "busy_timeout=10000",
        "wal_autocheckpoint=10000",
    )
    for pragma in settings:
        connection.execute(f"PRAGMA {pragma}").close()


class SqlLedger:
    """A ledger in a database; safe to share between threads and processes."""

    def __init__(self, engine: Engine, synchronous: Synchronous = "FULL") -> None:
        self._engine = engine
        # Without it the database does not say how many rows a batch of updates changed.
        self._counts_batches = engine.dialect.supports_sane_multi_rowcount
        self._statements = Statements(engine.dialect)
        # A commit that SQLite does not wait for takes less time than telling a thread to do it.
        self.slow = not (engine.dialect.name == "sqlite" and synchronous == "NORMAL")
        METADATA.create_all(engine)
        self._driver_error: type[Exception] = engine.dialect.loaded_dbapi.Error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    # ------------------------------------------------------------------------ writing

    def enroll(self, owner: str) -> int:
        """Return the next generation of ``owner``, from 1."""
        return self._durably(lambda connection: _next_generation(connection, owner))

    def write(self, claims: Sequence[Row] = (), swaps: Sequence[Swap] = ()) -> Written:
        """Claim, then swap, in one transaction."""
        for swap in swaps:
            ensure_legal(swap)
        try:
            return self._transaction(lambda cursor: self._written(cursor, claims, swaps))
        except _SomeLost:
            for _ in range(_RACES):
                with suppress(_SomeLost):
                    return self._transaction(lambda cursor: self._written_singly(cursor, claims, swaps))
        raise _broken(RuntimeError("other processes insert the same messages all the time"))

    def _transaction(self, work: Callable[[Any], _T]) -> _T:
        try:
            connection = self._engine.raw_connection()
            try:
                done = work(connection.cursor())
                connection.commit()
            finally:
                connection.close()  # back to the pool, which rolls back what was not committed
        except (self._driver_error, SQLAlchemyError) as error:
            raise _broken(error) from error
        return done

    def _written(self, cursor: Any, claims: Sequence[Row], swaps: Sequence[Swap]) -> Written:
        """Write as if every claim is new and every swap will win: nearly always they do."""
        fresh = {row.message_id: row for row in reversed(claims)}  # of twins the first
        if fresh:
            _ensure_all(len(fresh), self._statements.insert.run_all(cursor, _columns(fresh.values())))
        for changing, changes in self._grouped(swaps).items():
            _ensure_all(len(changes), self._statements.swap(changing).run_all(cursor, changes))
        return Written(claims=self._answers(cursor, claims, {}, fresh), swaps=(True,) * len(swaps))

    def _grouped(self, swaps: Sequence[Swap]) -> dict[tuple[str, ...], list[dict[str, Any]]]:
        """Return the changes by statement; a row that changes twice needs them in their order."""
        if len(swaps) > 1 and not self._counts_batches:
            raise _SomeLost
        if len({swap.old.message_id for swap in swaps}) != len(swaps):
            raise _SomeLost
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for changing, values in map(change_of, swaps):
            groups.setdefault(changing, []).append(values)
        return groups

    def _written_singly(self, cursor: Any, claims: Sequence[Row], swaps: Sequence[Swap]) -> Written:
        """Write and ask row by row who won."""
        stored = self._statements.stored(cursor, [row.message_id for row in claims])
        fresh = {row.message_id: row for row in reversed(claims) if row.message_id not in stored}
        for values in _columns(fresh.values()):
            _ensure_all(1, self._statements.insert.run_all(cursor, [values]))
        answers = self._answers(cursor, claims, stored, fresh)
        won: list[bool] = []
        for changing, values in map(change_of, swaps):
            won.append(self._statements.swap(changing).run_all(cursor, [values]) == 1)
        return Written(claims=answers, swaps=tuple(won))

    def _answers(
        self, cursor: Any, claims: Sequence[Row], stored: dict[str, Row], fresh: dict[str, Row]
    ) -> tuple[Claim, ...]:
        """Return what the sender must know before it renders."""
        if not claims:
            return ()
        subjects = self._statements.first_subjects(cursor, {row.case_id for row in claims})
        barred = self._statements.reasons(cursor, {row.to_hash for row in claims})
        return tuple(
            [
                Claim(
                    row=stored.get(row.message_id) or fresh[row.message_id],
                    fresh=fresh.get(row.message_id) is row,
                    barred=barred.get(row.to_hash),
                    first_subject=subjects.get(row.case_id),
                )
                for row in claims
            ]
        )

    def bar(self, to_hash: str, why: str, now: datetime) -> None:
        """Write to this address no more; the first reason stands."""

        def insert(connection: Connection) -> None:
            known = connection.execute(select(BARRED.c.to_hash).where(BARRED.c.to_hash == to_hash)).first()
            if known is None:
                connection.execute(BARRED.insert(), {"to_hash": to_hash, "why": why, "since": text_of(now)})

        self._durably(insert)

    def _durably(self, work: Callable[[Connection], _T]) -> _T:
        """Do the work in one transaction, again when another process inserted the same key meanwhile."""
        for _ in range(_RACES):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except IntegrityError as error:
                lost = error
            except SQLAlchemyError as error:
                raise _broken(error) from error
        raise _broken(lost)

    # ------------------------------------------------------------------------ reading

    def find(self, message_id: str) -> Row | None:
        """Return a message's row."""
        return next(iter(self._rows(MAILS.c.message_id == message_id)), None)

    def due(self, now: datetime, limit: int = 1000) -> list[Row]:
        """Return deferred rows whose time has come, the longest waiting first."""
        return self._rows(
            MAILS.c.next_attempt_at <= text_of(now),
            order=(MAILS.c.next_attempt_at, MAILS.c.message_id),
            limit=limit,
        )

    def next_due(self) -> datetime | None:
        """Return when the next deferred row comes due."""
        with self._reading() as connection:
            earliest = connection.execute(_EARLIEST).scalar()
        return None if earliest is None else datetime.fromisoformat(earliest)

    def unfinished(self) -> list[Row]:
        """Return every row in ``claimed`` or ``sending``, by id."""
        return self._rows(MAILS.c.state.in_(("claimed", "sending")), order=(MAILS.c.message_id,))

    def first_subject(self, case_id: str) -> str | None:
        """Return the subject of the case's first mail that reached, or may yet reach, the customer."""
        return self._transaction(lambda cursor: self._statements.first_subjects(cursor, [case_id])).get(
            case_id
        )

    def counts(self) -> dict[str, int]:
        """Return how many messages stand in each state."""
        with self._reading() as connection:
            rows = connection.execute(select(MAILS.c.state, func.count()).group_by(MAILS.c.state))
            return {state: count for state, count in rows}  # noqa: C416 - mypy reads a Row as one value

    def _rows(self, condition: Any, *, order: Sequence[Any] = (), limit: int | None = None) -> list[Row]:
        with self._reading() as connection:
            found = connection.execute(MAILS.select().where(condition).order_by(*order).limit(limit))
            return [row_of(values) for values in found]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _broken(error) from error


class _SomeLost(Exception):  # noqa: N818 - a signal inside this module: roll back and ask row by row
    """Not every row of a batch was as expected."""


def _ensure_all(expected: int, changed: int) -> None:
    if changed != expected:
        raise _SomeLost


def _columns(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return list(map(values_of, rows))


_EARLIEST = select(func.min(MAILS.c.next_attempt_at)).where(MAILS.c.next_attempt_at.is_not(None))


def _next_generation(connection: Connection, owner: str) -> int:
    known = connection.execute(select(OWNERS.c.generation).where(OWNERS.c.owner == owner)).scalar()
    if known is None:
        connection.execute(OWNERS.insert(), {"owner": owner, "generation": 1})
        return 1
    taken = connection.execute(
        OWNERS.update()
        .where(OWNERS.c.owner == owner, OWNERS.c.generation == known)
        .values(generation=known + 1)
    )
    if taken.rowcount != 1:
        raise IntegrityError("another process enrolled at the same moment", None, RuntimeError(owner))
    return int(known) + 1


def _broken(error: Exception) -> WorldProblem:
    # The first line only, and of the driver's error: SQLAlchemy's own text repeats rows, and they are private.
    cause = getattr(error, "orig", None) or error
    return WorldProblem(
        "mail-ledger",
        "the mail ledger cannot be used, so no mail is sent",
        why=f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}",
        hint="free the disk or bring the database back; everything goes on where it stopped",
        retriable=True,
    )
