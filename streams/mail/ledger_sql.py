"""The ledger in a database: SQLite on one machine, PostgreSQL for several, one set of statements for both.

Insert-if-absent is a SELECT and an INSERT, with another go when a second process was faster; a change is
``UPDATE ... WHERE`` the row still is what it was. Nothing here depends on a dialect but the pragmas that
say how durable SQLite is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from streams.mail.ledger import UNSEEN, Claim, Row, Swap, Written, ensure_legal
from streams.problems import WorldProblem

_METADATA = MetaData()
# Times are text, `2026-11-20T10:15:00.000000Z`: it sorts as it should in every database and a person with a
# SQL prompt can read it.
_MAILS = Table(
    "mail_ledger",
    _METADATA,
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
    Column("next_attempt_at", String(27), nullable=True, index=True),
    Column("claimed_by", String(256), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("letter", LargeBinary, nullable=True),
    Column("reply", Text, nullable=False),
    Column("updated_at", String(27), nullable=False),
)
_BARRED = Table(
    "mail_barred",
    _METADATA,
    Column("to_hash", String(64), primary_key=True),
    Column("why", Text, nullable=False),
    Column("since", String(27), nullable=False),
)
_OWNERS = Table(
    "mail_owners",
    _METADATA,
    Column("owner", String(256), primary_key=True),
    Column("generation", BigInteger, nullable=False),
)
_TIMES: Final = ("queued_at", "next_attempt_at", "updated_at")
_CHANGING: Final = (
    "subject",
    "state",
    "attempt",
    "doubts",
    "queued_at",
    "next_attempt_at",
    "claimed_by",
    "generation",
    "letter",
    "reply",
    "updated_at",
)
_VERSION: Final = ("message_id", "state", "claimed_by", "generation", "attempt")
_SWAP = (
    _MAILS.update()
    .where(*(_MAILS.c[name] == bindparam(f"old_{name}") for name in _VERSION))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_RACES = 5  # another process inserting the same id between our SELECT and INSERT, so often in a row
_AT_ONCE = 400  # ids in one IN list, well below SQLite's oldest limit of 999 variables

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
        return SqlLedger(engine)
    except SQLAlchemyError as error:
        raise _broken(error) from error


def _tune(connection: Any, synchronous: Synchronous) -> None:
    """Set what SQLite forgets between connections; 10 s cover another process's longest commit."""
    for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}").close()


class SqlLedger:
    """A ledger in a database; safe to share between threads and processes."""

    slow = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Without it the database does not say how many rows a batch of updates changed.
        self._counts_batches = engine.dialect.supports_sane_multi_rowcount
        _METADATA.create_all(engine)

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
            return self._durably(lambda connection: self._write(connection, claims, swaps, batch=True))
        except _SomeLost:
            return self._durably(lambda connection: self._write(connection, claims, swaps, batch=False))

    def bar(self, to_hash: str, why: str, now: datetime) -> None:
        """Write to this address no more; the first reason stands."""

        def insert(connection: Connection) -> None:
            known = connection.execute(select(_BARRED.c.to_hash).where(_BARRED.c.to_hash == to_hash)).first()
            if known is None:
                connection.execute(_BARRED.insert(), {"to_hash": to_hash, "why": why, "since": _text(now)})

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

    def _write(
        self, connection: Connection, claims: Sequence[Row], swaps: Sequence[Swap], *, batch: bool
    ) -> Written:
        return Written(
            claims=tuple(_claim(connection, claims)) if claims else (),
            swaps=tuple(self._swap(connection, swaps, batch=batch)) if swaps else (),
        )

    def _swap(self, connection: Connection, swaps: Sequence[Swap], *, batch: bool) -> Iterable[bool]:
        """Change all rows in one statement, as if every one of them will win: nearly always they do."""
        changes = [_change(swap) for swap in swaps]
        if len(changes) == 1 or not (batch and self._counts_batches):
            return [_changed(connection, change) == 1 for change in changes]
        if _changed(connection, changes) != len(changes):
            raise _SomeLost
        return [True] * len(changes)

    # ------------------------------------------------------------------------ reading

    def find(self, message_id: str) -> Row | None:
        """Return a message's row."""
        return next(iter(self._rows(_MAILS.c.message_id == message_id)), None)

    def due(self, now: datetime, limit: int = 1000) -> list[Row]:
        """Return deferred rows whose time has come, the longest waiting first."""
        return self._rows(
            _MAILS.c.next_attempt_at <= _text(now),
            order=(_MAILS.c.next_attempt_at, _MAILS.c.message_id),
            limit=limit,
        )

    def next_due(self) -> datetime | None:
        """Return when the next deferred row comes due."""
        with self._reading() as connection:
            earliest = connection.execute(select(func.min(_MAILS.c.next_attempt_at))).scalar()
        return None if earliest is None else datetime.fromisoformat(earliest)

    def unfinished(self) -> list[Row]:
        """Return every row in ``claimed`` or ``sending``, by id."""
        return self._rows(_MAILS.c.state.in_(("claimed", "sending")), order=(_MAILS.c.message_id,))

    def first_subject(self, case_id: str) -> str | None:
        """Return the subject of the case's first mail that reached, or may yet reach, the customer."""
        with self._reading() as connection:
            return _first_subjects(connection, [case_id]).get(case_id)

    def counts(self) -> dict[str, int]:
        """Return how many messages stand in each state."""
        with self._reading() as connection:
            rows = connection.execute(select(_MAILS.c.state, func.count()).group_by(_MAILS.c.state))
            return {state: count for state, count in rows}  # noqa: C416 - mypy reads a Row as one value

    def _rows(self, condition: Any, *, order: Sequence[Any] = (), limit: int | None = None) -> list[Row]:
        with self._reading() as connection:
            found = connection.execute(_MAILS.select().where(condition).order_by(*order).limit(limit))
            return [_row(mapping) for mapping in found.mappings()]

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _broken(error) from error


class _SomeLost(Exception):  # noqa: N818 - a signal inside this module: roll back and ask row by row
    """Not every row of a batch was as expected."""


def _next_generation(connection: Connection, owner: str) -> int:
    known = connection.execute(select(_OWNERS.c.generation).where(_OWNERS.c.owner == owner)).scalar()
    if known is None:
        connection.execute(_OWNERS.insert(), {"owner": owner, "generation": 1})
        return 1
    taken = connection.execute(
        _OWNERS.update()
        .where(_OWNERS.c.owner == owner, _OWNERS.c.generation == known)
        .values(generation=known + 1)
    )
    if taken.rowcount != 1:
        raise IntegrityError("another process enrolled at the same moment", None, RuntimeError(owner))
    return int(known) + 1


def _claim(connection: Connection, rows: Sequence[Row]) -> list[Claim]:
    """Insert what is absent; the answers tell what the sender must know before it renders."""
    stored = _stored(connection, [row.message_id for row in rows])
    fresh: dict[str, Row] = {}
    for row in rows:
        if row.message_id not in stored:
            fresh.setdefault(row.message_id, row)
    if fresh:
        connection.execute(_MAILS.insert(), [_values(row) for row in fresh.values()])
    subjects = _first_subjects(connection, {row.case_id for row in rows})
    barred = _reasons(connection, {row.to_hash for row in rows})
    return [
        Claim(
            row=stored.get(row.message_id) or fresh[row.message_id],
            fresh=fresh.get(row.message_id) is row,
            barred=barred.get(row.to_hash),
            first_subject=subjects.get(row.case_id),
        )
        for row in rows
    ]


def _stored(connection: Connection, message_ids: Sequence[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for some in _chunks(message_ids):
        rows = connection.execute(_STORED, {"ids": some}).mappings()
        found |= {mapping["message_id"]: _row(mapping) for mapping in rows}
    return found


def _reasons(connection: Connection, to_hashes: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in _chunks(to_hashes):
        found |= {to_hash: why for to_hash, why in connection.execute(_REASONS, {"hashes": some})}  # noqa: C416
    return found


def _first_subjects(connection: Connection, case_ids: Iterable[str]) -> dict[str, str]:
    """Return per case the subject that names its conversation; the order makes it the same everywhere."""
    first: dict[str, str] = {}
    for some in _chunks(case_ids):
        for case_id, subject in connection.execute(_SUBJECTS, {"cases": some}):
            first.setdefault(case_id, subject)
    return first


_STORED = _MAILS.select().where(_MAILS.c.message_id.in_(bindparam("ids", expanding=True)))
_REASONS = select(_BARRED.c.to_hash, _BARRED.c.why).where(
    _BARRED.c.to_hash.in_(bindparam("hashes", expanding=True))
)
_SUBJECTS = (
    select(_MAILS.c.case_id, _MAILS.c.subject)
    .where(
        _MAILS.c.case_id.in_(bindparam("cases", expanding=True)),
        _MAILS.c.subject != "",
        _MAILS.c.state.not_in(UNSEEN),
    )
    .order_by(_MAILS.c.thread_place, _MAILS.c.queued_at, _MAILS.c.message_id)
)


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    every = list(values)
    for start in range(0, len(every), _AT_ONCE):
        yield every[start : start + _AT_ONCE]


def _change(swap: Swap) -> dict[str, Any]:
    values = _values(swap.new)
    return {f"new_{name}": values[name] for name in _CHANGING} | {
        f"old_{name}": getattr(swap.old, name) for name in _VERSION
    }


def _changed(connection: Connection, changes: dict[str, Any] | list[dict[str, Any]]) -> int:
    return connection.execute(_SWAP, changes).rowcount


def _values(row: Row) -> dict[str, Any]:
    values = msgspec.structs.asdict(row)
    for name in _TIMES:
        if values[name] is not None:
            values[name] = _text(values[name])
    return values


def _row(mapping: Mapping[Any, Any]) -> Row:
    values = dict(mapping)
    for name in _TIMES:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return Row(**values)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _broken(error: SQLAlchemyError) -> WorldProblem:
    # The first line only, and of the driver's error: SQLAlchemy's own text repeats rows, and they are private.
    cause = getattr(error, "orig", None) or error
    return WorldProblem(
        "mail-ledger",
        "the mail ledger cannot be used, so no mail is sent",
        why=f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}",
        hint="free the disk or bring the database back; everything goes on where it stopped",
        retriable=True,
    )
