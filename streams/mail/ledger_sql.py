"""The ledger in a database: SQLite on one machine, PostgreSQL for several, one set of statements for both.

Claims insert what is absent and swaps are ``UPDATE ... WHERE`` the row still is what it was; both are tried
as if they will win, which nearly all do, and asked one by one only when some did not. Processes that want
the same rows take them in the same order, and a deadlock that happens all the same is only another try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, func, literal_column, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from streams.mail.ledger import Claim, Row, Swap, Told, Written, ensure_legal
from streams.mail.statements import Statements, change_of, row_of, text_of, values_of
from streams.problems import Problem, WorldProblem
from streams.storage import engine as storage
from streams.storage.migrate import upgrade_engine
from streams.storage.tables import BARRED, MAILS, OWNERS, VERSIONS

_RACES = 5  # another process inserting the same id between our SELECT and INSERT, so often in a row

_T = TypeVar("_T")
Synchronous = storage.Synchronous


def open_ledger(url: str, *, synchronous: Synchronous = "FULL") -> SqlLedger:
    """Open, and create or upgrade where need be, the ledger at a SQLAlchemy URL or a path to a SQLite file.

    ``synchronous`` is SQLite's. Both survive a killed process. ``NORMAL`` may lose the newest commits when
    the machine loses power: a mail whose ``sending`` was lost would then go out twice. ``FULL`` waits for
    the disk, once per batch of concurrent messages, and so does PostgreSQL.

    Raises:
        streams.problems.UsageProblem: the URL cannot be used.
        streams.problems.WorldProblem: the database cannot be opened, or a newer program has written it.
    """
    engine = storage.open_engine(url, synchronous=synchronous)
    try:
        upgrade_engine(engine)
        return SqlLedger(engine, synchronous)
    except Problem:
        engine.dispose()
        raise
    except SQLAlchemyError as error:
        engine.dispose()
        raise _broken(error) from error


class SqlLedger:
    """A ledger in a database; safe to share between threads and processes."""

    def __init__(self, engine: Engine, synchronous: Synchronous = "FULL") -> None:
        self._engine = engine
        # Without it the database does not say how many rows a batch of updates changed.
        self._counts_batches = engine.dialect.supports_sane_multi_rowcount
        self._statements = Statements(engine.dialect)
        self.shared = engine.dialect.name != "sqlite"
        # A commit that SQLite does not wait for takes less time than telling a thread to do it.
        self.slow = self.shared or synchronous != "NORMAL"
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
            if _is_a_race(error):
                raise _SomeLost from error
            raise _broken(error) from error
        return done

    def _written(self, cursor: Any, claims: Sequence[Row], swaps: Sequence[Swap]) -> Written:
        """Write as if every claim is new and every swap will win: nearly always they do."""
        fresh = {row.message_id: row for row in reversed(claims)}  # of twins the first
        if fresh:
            rows = [fresh[message_id] for message_id in sorted(fresh)]
            _ensure_all(len(rows), self._statements.insert.run_all(cursor, _columns(rows)))
        for changing, changes in self._grouped(swaps):
            _ensure_all(len(changes), self._statements.swap(changing).run_all(cursor, changes))
        return Written(claims=self._answers(cursor, claims, {}, fresh), swaps=(True,) * len(swaps))

    def _grouped(self, swaps: Sequence[Swap]) -> list[tuple[tuple[str, ...], list[dict[str, Any]]]]:
        """Return the changes by statement; a row that changes twice needs them in their order."""
        if len(swaps) > 1 and not self._counts_batches:
            raise _SomeLost
        if len({swap.old.message_id for swap in swaps}) != len(swaps):
            raise _SomeLost
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for changing, values in map(change_of, sorted(swaps, key=_id_of)):
            groups.setdefault(changing, []).append(values)
        return sorted(groups.items()) if len(groups) > 1 else list(groups.items())

    def _written_singly(self, cursor: Any, claims: Sequence[Row], swaps: Sequence[Swap]) -> Written:
        """Write and ask row by row who won."""
        stored = self._statements.stored(cursor, [row.message_id for row in claims])
        fresh = {row.message_id: row for row in reversed(claims) if row.message_id not in stored}
        for values in _columns(fresh[message_id] for message_id in sorted(fresh)):
            _ensure_all(1, self._statements.insert.run_all(cursor, [values]))
        answers = self._answers(cursor, claims, stored, fresh)
        won = [False] * len(swaps)
        for place in sorted(range(len(swaps)), key=lambda place: _id_of(swaps[place])):
            changing, values = change_of(swaps[place])
            won[place] = self._statements.swap(changing).run_all(cursor, [values]) == 1
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

    def told(self, outcomes: Sequence[Told]) -> None:
        """Note outcomes as told; a row that has moved on meanwhile is left alone."""
        every = [
            {f"told_{name}": getattr(one, name) for name in one.__struct_fields__} for one in sorted(outcomes)
        ]
        for _ in range(_RACES):
            with suppress(_SomeLost):
                self._transaction(lambda cursor: self._statements.told.run_all(cursor, every))
                return
        raise _broken(RuntimeError("other processes want the same messages all the time"))

    def keep_sources(self, version: str, template: str, sources: bytes, now: datetime) -> None:
        """Keep what a version of a template is made of; who comes second finds it there."""
        values = {"version": version, "template": template, "sources": sources, "since": text_of(now)}

        def insert(connection: Connection) -> None:
            known = connection.execute(
                select(VERSIONS.c.version).where(VERSIONS.c.version == version)
            ).first()
            if known is None:
                connection.execute(VERSIONS.insert(), values)

        self._durably(insert)

    def _durably(self, work: Callable[[Connection], _T]) -> _T:
        """Do the work in one transaction, again when another process inserted the same key meanwhile."""
        for _ in range(_RACES):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                if not (isinstance(error, IntegrityError) or _is_a_race(error)):
                    raise _broken(error) from error
                lost = error
        raise _broken(lost)

    # ------------------------------------------------------------------------ reading

    def find(self, message_id: str) -> Row | None:
        """Return a message's row."""
        return next(iter(self._rows(MAILS.c.message_id == message_id)), None)

    def due(self, now: datetime, limit: int = 1000) -> list[Row]:
        """Return deferred rows whose time has come, the longest waiting first; what is untold waits."""
        return self._rows(
            MAILS.c.next_attempt_at <= text_of(now),
            MAILS.c.untold_since.is_(None),
            order=(MAILS.c.next_attempt_at, MAILS.c.message_id),
            limit=limit,
        )

    def next_due(self) -> datetime | None:
        """Return when the next deferred row comes due."""
        with self._reading() as connection:
            earliest = connection.execute(_EARLIEST).scalar()
        return None if earliest is None else datetime.fromisoformat(earliest)

    def untold(self, since: datetime, limit: int = 500) -> list[Row]:
        """Return rows of which nobody has heard since then or longer, the longest waiting first."""
        return self._rows(
            MAILS.c.untold_since <= text_of(since),
            order=(MAILS.c.untold_since, MAILS.c.message_id),
            limit=limit,
        )

    def next_untold(self) -> datetime | None:
        """Return since when the longest waiting row of which nobody has heard stands as it does."""
        with self._reading() as connection:
            earliest = connection.execute(_EARLIEST_UNTOLD).scalar()
        return None if earliest is None else datetime.fromisoformat(earliest)

    def oldest(self) -> dict[str, datetime]:
        """Return per state of ``claimed``, ``sending`` and ``deferred`` since when its oldest row waits."""
        with self._reading() as connection:
            found = {state: at for state, at in connection.execute(_OLDEST_UNFINISHED)}  # noqa: C416 - as above
            deferred = connection.execute(_OLDEST_WAITING).scalar()
        if deferred is not None:
            found["deferred"] = deferred
        return {state: datetime.fromisoformat(at) for state, at in found.items()}

    def unfinished(self, since: datetime | None = None) -> list[Row]:
        """Return every row in ``claimed`` or ``sending``, by id; with ``since`` those untouched since then."""
        return self._rows(
            *(_UNFINISHED if since is None else (*_UNFINISHED, MAILS.c.updated_at <= text_of(since))),
            order=(MAILS.c.message_id,),
        )

    def first_subject(self, case_id: str) -> str | None:
        """Return the subject of the case's first mail that reached, or may yet reach, the customer."""
        return self._transaction(lambda cursor: self._statements.first_subjects(cursor, [case_id])).get(
            case_id
        )

    def sources(self, version: str) -> bytes | None:
        """Return what was kept under a version."""
        with self._reading() as connection:
            found = connection.execute(
                select(VERSIONS.c.sources).where(VERSIONS.c.version == version)
            ).scalar()
            return None if found is None else bytes(found)

    def counts(self) -> dict[str, int]:
        """Return how many messages stand in each state."""
        with self._reading() as connection:
            rows = connection.execute(select(MAILS.c.state, func.count()).group_by(MAILS.c.state))
            return {state: count for state, count in rows}  # noqa: C416 - mypy reads a Row as one value

    def is_barred(self, to_hash: str) -> bool:
        """Return whether an address is written to no more."""
        with self._reading() as connection:
            found = connection.execute(select(BARRED.c.to_hash).where(BARRED.c.to_hash == to_hash))
            return found.first() is not None

    def _rows(self, *conditions: Any, order: Sequence[Any] = (), limit: int | None = None) -> list[Row]:
        with self._reading() as connection:
            found = connection.execute(MAILS.select().where(*conditions).order_by(*order).limit(limit))
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


def _id_of(swap: Swap) -> str:
    return swap.old.message_id


def _columns(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return list(map(values_of, rows))


# The words of the index's own condition, so that PostgreSQL knows that it may use it.
_UNFINISHED = (MAILS.c.state.in_([literal_column("'claimed'"), literal_column("'sending'")]),)
_WAITING = MAILS.c.next_attempt_at.is_not(None)
_EARLIEST = select(func.min(MAILS.c.next_attempt_at)).where(_WAITING, MAILS.c.untold_since.is_(None))
_EARLIEST_UNTOLD = select(func.min(MAILS.c.untold_since)).where(MAILS.c.untold_since.is_not(None))
_OLDEST_UNFINISHED = (
    select(MAILS.c.state, func.min(MAILS.c.updated_at)).where(*_UNFINISHED).group_by(MAILS.c.state)
)
_OLDEST_WAITING = select(func.min(MAILS.c.queued_at)).where(_WAITING)


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


def _is_a_race(error: BaseException) -> bool:
    """Return whether PostgreSQL undid a transaction for the good of another (class 40: deadlock, serialization)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return (getattr(cause, "sqlstate", None) or "").startswith("40")


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
