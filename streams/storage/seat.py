"""A name that no two living processes of a deployment have, and that a process gets back when it starts again.

A mail that is found half sent belongs to whoever bears the name in its row. A new bearer may take it for
granted that the one before is dead, so the database (or the file system, on one machine) lends a name to one
process at a time and takes it back when that process ends, however it ends.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from streams.problems import WorldProblem

SEATS: Final = 1000  # workers of one host at one ledger
_SPACE: Final = 0x73656174  # the first half of the advisory locks' keys in PostgreSQL: "seat"
_TAKE: Final = text("SELECT pg_try_advisory_lock(:space, hashtext(:name))")


class Seat(Protocol):
    """A name while we have it."""

    name: str

    def check(self) -> None:
        """Say nothing while the name is ours.

        Raises:
            WorldProblem: ``seat-lost``, or the database does not answer (retriable).
        """
        ...

    def leave(self) -> None:
        """Give the name back."""
        ...


def take_seat(engine: Engine, place: str) -> Seat:
    """Return the first free name of a place (a host, usually): ``place/0``, ``place/1``, ...

    Raises:
        WorldProblem: ``seat-taken``: all are in use; ``seat-lost``: the database does not answer.
    """
    for name in _names(place):
        seat = _FileSeat(_lock_file(engine, name), name) if _is_file(engine) else _LockSeat(engine, name)
        if seat.is_ours:
            return seat
    raise WorldProblem(
        "seat-taken",
        f"{SEATS} processes of {place} work at this ledger already",
        hint="end some of them; a name comes back when its process has ended",
    )


def _names(place: str) -> Iterator[str]:
    return (f"{place}/{number}" for number in range(SEATS))


class _LockSeat:
    """A name in PostgreSQL: an advisory lock that ends with its connection."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.name = name
        self._engine = engine
        self._connection: Connection | None = None
        self.is_ours = self._take()

    def check(self) -> None:
        """Take the name anew where the connection broke: a server that was restarted lent it to nobody."""
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return
        except SQLAlchemyError:
            self.leave()
        if not self._take():
            raise WorldProblem(
                "seat-lost",
                f"another process is called {self.name} in the ledger now",
                why="our connection to the database had broken",
                hint="nothing is lost: let this process start again under a new name",
            )

    def leave(self) -> None:
        """Give the name back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _take(self) -> bool:
        try:
            # Outside of any transaction: PostgreSQL ends those that stay open and idle.
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            is_ours = bool(connection.execute(_TAKE, {"space": _SPACE, "name": self.name}).scalar())
        except SQLAlchemyError as error:
            raise _unreachable(error) from error
        if is_ours:
            connection.detach()  # closing it then ends it, and does not put it back into the pool, lock and all
            self._connection = connection
        else:
            connection.close()
        return is_ours


class _FileSeat:
    """A name on one machine: a locked file, which the system unlocks however its process ends."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._file: IO[str] = path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
        self.is_ours = not self._file.closed

    def check(self) -> None:
        """Say nothing: a lock of the file system is not lost."""

    def leave(self) -> None:
        """Give the name back."""
        self._file.close()


def _is_file(engine: Engine) -> bool:
    return engine.dialect.name == "sqlite"


def _lock_file(engine: Engine, name: str) -> Path:
    return Path(f"{engine.url.database}.{name.rpartition('/')[2]}.lock")


def _unreachable(error: SQLAlchemyError) -> WorldProblem:
    cause = getattr(error, "orig", None) or error
    return WorldProblem(
        "seat-lost",
        "the database does not answer, so nobody knows who we are",
        why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
        hint="bring the database back; everything goes on where it stopped",
        retriable=True,
    )
