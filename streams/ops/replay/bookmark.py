"""Where a replay stands, in one file: stopped or killed, it goes on from there and says the same in the end."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from streams.core.order import Order
from streams.ops.history import Extent
from streams.problems import UsageProblem, WorldProblem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pages (partition INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS orders (
  partition INTEGER NOT NULL, order_id TEXT NOT NULL, state BLOB NOT NULL,
  PRIMARY KEY (partition, order_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lines (
  partition INTEGER NOT NULL, number INTEGER NOT NULL, now TEXT NOT NULL, line BLOB NOT NULL,
  PRIMARY KEY (partition, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS states (order_id TEXT PRIMARY KEY, line BLOB NOT NULL) WITHOUT ROWID;
"""
_encode = msgspec.msgpack.Encoder().encode
_decode_order = msgspec.msgpack.Decoder(Order).decode

Lines = Sequence[tuple[datetime, bytes]]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition has come: through ``position``, which ``lines`` of output stand for.

    ``kept`` is what its mode wants to know again.
    """

    position: int
    now: datetime | None
    events: int
    letters: dict[str, int]
    kept: bytes
    lines: int = 0


class Bookmark:
    """One SQLite file that several processes write to, each its own partition.

    It holds orders as they are, addresses included, so nobody but its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._process = 0

    def begin(self, about: Mapping[str, str], extents: Sequence[Extent]) -> tuple[Extent, ...]:
        """Say what the replay is about; return how far it goes, which a file that was there knows better.

        Raises:
            UsageProblem: ``bookmark-of-another``: the file belongs to another replay.
            WorldProblem: ``bookmark-unusable``.
        """
        with self._writing() as db:
            row = db.execute("SELECT value FROM about WHERE name = 'replay'").fetchone()
            if row is None:
                body = _encode({"about": dict(about), "extents": list(extents)})
                db.execute("INSERT INTO about VALUES ('replay', ?)", (body,))
                return tuple(extents)
        begun = msgspec.msgpack.decode(row[0], type=_Begun)
        _compare(self.path, begun.about, about)
        return begun.extents

    def page(self, partition: int) -> Page | None:
        """Return how far a partition has come, or None; output of what lies behind it is taken back."""
        with self._reading() as db:
            row = db.execute("SELECT body FROM pages WHERE partition = ?", (partition,)).fetchone()
        if row is None:
            return None
        page = msgspec.msgpack.decode(row[0], type=Page)
        with self._writing() as db:
            db.execute("DELETE FROM lines WHERE partition = ? AND number > ?", (partition, page.lines))
        return page

    def orders(self, partition: int) -> dict[str, Order]:
        """Return the orders of a partition as of its page."""
        with self._reading() as db:
            rows = db.execute("SELECT order_id, state FROM orders WHERE partition = ?", (partition,))
            return {order_id: _decode_order(state) for order_id, state in rows}

    def save(self, partition: int, page: Page, orders: Iterable[Order], lines: Lines = ()) -> None:
        """Write how far a partition has come, the orders that changed, and lines of output: all or nothing.

        Raises:
            WorldProblem: ``bookmark-unusable``; what was written before still stands.
        """
        with self._writing() as db:
            page = msgspec.structs.replace(page, lines=self._append(db, partition, lines))
            db.execute("INSERT OR REPLACE INTO pages VALUES (?, ?)", (partition, _encode(page)))
            db.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?)",
                ((partition, order.order_id, _encode(order)) for order in orders),
            )

    def put_lines(self, partition: int, lines: Lines) -> None:
        """Write lines of output for which no page stands: a replay that goes on writes them anew.

        Raises:
            WorldProblem: ``bookmark-unusable``.
        """
        with self._writing() as db:
            self._append(db, partition, lines)

    def lines(self) -> Iterator[bytes]:
        """Yield all lines of output by their moments; at one moment, partition by partition."""
        with self._reading() as db:
            for (line,) in db.execute("SELECT line FROM lines ORDER BY now, partition, number"):
                yield line

    def put_states(self, states: Iterable[tuple[str, bytes]]) -> None:
        """Write what is known of orders in the end, as lines of output.

        Raises:
            WorldProblem: ``bookmark-unusable``.
        """
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", states)

    def states(self) -> Iterator[bytes]:
        """Yield the lines of all orders, by their ids."""
        with self._reading() as db:
            for (line,) in db.execute("SELECT line FROM states ORDER BY order_id"):
                yield line

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None and self._process == os.getpid():
            self._db.close()
        self._db = None

    def discard(self) -> None:
        """Throw the file away: the replay has come to its end."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _append(self, db: sqlite3.Connection, partition: int, lines: Lines) -> int:
        """Write lines behind those that are there, and return how many there are."""
        query = "SELECT coalesce(max(number), 0) FROM lines WHERE partition = ?"
        (last,) = db.execute(query, (partition,)).fetchone()
        rows = (
            (partition, last + number, _sortable(now), line) for number, (now, line) in enumerate(lines, 1)
        )
        db.executemany("INSERT INTO lines VALUES (?, ?, ?, ?)", rows)
        return int(last) + len(lines)

    def _open(self) -> sqlite3.Connection:
        """Return this process's own connection: none may be carried into a fork."""
        if self._db is None or self._process != os.getpid():
            self._db = self._connect()
            self._process = os.getpid()
        return self._db

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(self.path, isolation_level=None, timeout=60.0)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        return db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._open()
        except (OSError, sqlite3.Error, msgspec.DecodeError) as error:
            raise self._unusable(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    with suppress(sqlite3.Error):
                        db.execute("ROLLBACK")

    def _unusable(self, error: Exception) -> WorldProblem:
        return WorldProblem(
            "bookmark-unusable",
            "the bookmark of the replay cannot be used",
            where=str(self.path),
            why=str(error),
            hint="name a place with room that you may write to; a file that is no bookmark is left alone",
        )


class _Begun(msgspec.Struct):
    about: dict[str, str]
    extents: tuple[Extent, ...]


def _sortable(now: datetime) -> str:
    """Return a moment so that the order of texts is the order of times: always with microseconds."""
    return now.isoformat(timespec="microseconds")


def _compare(path: Path, begun: Mapping[str, str], about: Mapping[str, str]) -> None:
    for name, value in about.items():
        if begun.get(name) != value:
            raise UsageProblem(
                "bookmark-of-another",
                f"{path} belongs to another replay",
                where=f"--resume {path}",
                why=f"its {name} was {begun.get(name)}, and now it is {value}",
                hint="ask for the same again, or name a new file",
            )
