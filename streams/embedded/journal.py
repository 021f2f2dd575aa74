"""The journal of one machine: blocks, decisions and everything else that must survive, in one SQLite file.

One transaction holds what belongs together: the block, what it decided, how far each source was read, the
tracking numbers learned, the scans parked and the dead letters. WAL with ``synchronous=NORMAL`` survives
SIGKILL whole; a power cut may lose the last transactions, never tear one (https://sqlite.org/wal.html). Who
answers for records that cannot be read again asks for more: :meth:`Journal.wait_for_disk`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from streams.codec.blocks import decode_block
from streams.codec.registry import decode_fact
from streams.core.events import AnyFact, Event
from streams.core.order import Order
from streams.pipeline.correlate import Owner, Parked
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.parked import Written, parked_of, written
from streams.problems import WorldProblem

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (
  position INTEGER PRIMARY KEY, recorded_at TEXT NOT NULL, events INTEGER NOT NULL, block BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS decisions (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL, order_id TEXT NOT NULL, type TEXT NOT NULL,
  now TEXT NOT NULL, body BLOB NOT NULL, pending INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS decisions_pending ON decisions (number) WHERE pending = 1;
CREATE TABLE IF NOT EXISTS intake (source TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tracking (number TEXT PRIMARY KEY, owner BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letters (
  id TEXT PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, code TEXT NOT NULL, why TEXT NOT NULL,
  hint TEXT NOT NULL, at TEXT NOT NULL, raw BLOB NOT NULL, version TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
"""
_encode = msgspec.msgpack.Encoder().encode
_decode_order = msgspec.msgpack.Decoder(Order).decode
_decode_owner = msgspec.msgpack.Decoder(Owner).decode
_decode_parked = msgspec.msgpack.Decoder(Written).decode


class LoggedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision or outcome in the journal, with its place in the order of all of them."""

    number: int
    id: str
    type: str
    now: datetime
    fact: AnyFact


class Batch:
    """What one transaction will write; filled by the engine, emptied by :meth:`Journal.commit`."""

    def __init__(self) -> None:
        self.blocks: list[tuple[str, int, bytes]] = []
        self.decisions: list[tuple[int, str, str, str, str, bytes, int]] = []
        self.done: list[int] = []
        self.intake: dict[str, int] = {}
        self.tracking: dict[str, Owner] = {}
        self.parked: list[Parked] = []
        self.unparked: list[str] = []
        self.dead: list[DeadLetter] = []
        self.counters: dict[str, int] = {}


class Journal:
    """One SQLite file; a single writer, which the file itself enforces with a lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            # A block fills several pages of the usual 4 KiB, each with its own way to the log: 7 % of a whole run.
            self._db.execute("PRAGMA page_size=32768")  # counts for a new file; an old one keeps its own
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            # A checkpoint waits for the disk and writes pages that change again a moment later: every 100 MB
            # instead of every 4 costs a longer recovery, in tenths of a second.
            self._db.execute("PRAGMA wal_autocheckpoint=3000")
            self._db.execute("PRAGMA temp_store=MEMORY")
            self._db.executescript(_SCHEMA)
            _upgrade(self._db)
        except (OSError, sqlite3.Error) as error:
            raise WorldProblem(
                "journal-unusable",
                "the journal cannot be opened",
                where=str(path),
                why=str(error),
                hint="check that the folder is writable and the disk has room; `firstword doctor --data DIR` looks",
            ) from error

    def wait_for_disk(self) -> None:
        """Let every commit from now on survive a power cut, which costs a wait for the disk each time.

        For those who promise somebody else that a record is safe; who reads a file can read it again.
        """
        self._db.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # ------------------------------------------------------------------------ writing

    def commit(self, batch: Batch) -> None:
        """Write a batch in one transaction: all of it, or nothing.

        Raises:
            WorldProblem: the disk is full, or another process writes.
        """
        with self._transaction() as db:
            self._write(db, batch)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all of the block, or nothing."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")
        except sqlite3.Error as error:
            raise WorldProblem(
                "journal-not-written",
                "the journal could not be written",
                where=str(self.path),
                why=str(error),
                hint="nothing was lost: what was not confirmed is read again; check the disk and start again",
                retriable=True,
            ) from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def _write(self, db: sqlite3.Connection, batch: Batch) -> None:
        if batch.blocks:
            db.executemany("INSERT INTO blocks (recorded_at, events, block) VALUES (?, ?, ?)", batch.blocks)
        if batch.decisions:
            db.executemany("INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?)", batch.decisions)
        if batch.done:
            done = [(number,) for number in batch.done]
            db.executemany("UPDATE decisions SET pending = 0 WHERE number = ?", done)
        if batch.intake:
            db.executemany("INSERT OR REPLACE INTO intake VALUES (?, ?)", batch.intake.items())
        if batch.tracking:
            owners = [(number, _encode(owner)) for number, owner in batch.tracking.items()]
            db.executemany("INSERT OR REPLACE INTO tracking VALUES (?, ?)", owners)
        if batch.parked:
            db.executemany("INSERT OR REPLACE INTO parked VALUES (?, ?)", map(_parked_row, batch.parked))
        if batch.unparked:
            db.executemany("DELETE FROM parked WHERE id = ?", [(one,) for one in batch.unparked])
        if batch.dead:
            rows = map(_dead_row, batch.dead)
            db.executemany("INSERT OR REPLACE INTO dead_letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        if batch.counters:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('counters', ?)", (_encode(batch.counters),))

    def snapshot(self, orders: Iterable[Order], position: int, now: datetime | None, shape: str) -> None:
        """Write orders that changed since the last snapshot, and the position they stand for.

        Raises:
            WorldProblem: the disk is full, or another process writes; the former snapshot still stands.
        """
        marker = _encode({"position": position, "now": now, "shape": shape})
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?)",
                ((order.order_id, _encode(order)) for order in orders),
            )
            db.execute("INSERT OR REPLACE INTO meta VALUES ('snapshot', ?)", (marker,))

    def discard_snapshot(self) -> None:
        """Throw the snapshot away: nothing is lost but the minutes of a full fold."""
        with self._transaction() as db:
            db.execute("DELETE FROM orders")
            db.execute("DELETE FROM meta WHERE name = 'snapshot'")

    # ------------------------------------------------------------------------ reading

    def last_position(self) -> int:
        """Return the position of the newest block, 0 when there is none."""
        (position,) = self._db.execute("SELECT coalesce(max(position), 0) FROM blocks").fetchone()
        return int(position)

    def last_number(self) -> int:
        """Return the number of the newest decision, 0 when there is none."""
        (number,) = self._db.execute("SELECT coalesce(max(number), 0) FROM decisions").fetchone()
        return int(number)

    def blocks(self, after: int = 0) -> Iterator[tuple[int, list[Event]]]:
        """Yield the blocks behind a position, oldest first."""
        rows = self._db.execute(
            "SELECT position, block FROM blocks WHERE position > ? ORDER BY position", (after,)
        )
        for position, block in rows:
            yield position, decode_block(block)

    def load_snapshot(self, shape: str) -> tuple[dict[str, Order], int, datetime | None]:
        """Return the orders, position and time of the snapshot; nothing when it is of another shape."""
        marker = self._meta("snapshot")
        if marker is None:
            return {}, 0, None
        try:
            state = msgspec.msgpack.decode(marker, type=_Snapshot)
            if state.shape == shape:
                rows = self._db.execute("SELECT order_id, state FROM orders")
                return {order_id: _decode_order(body) for order_id, body in rows}, state.position, state.now
        except msgspec.DecodeError:
            pass  # written by other code after all: it is a cache, and the journal is the truth
        self.discard_snapshot()
        return {}, 0, None

    def counters(self) -> dict[str, int]:
        """Return the counts of the last commit."""
        counters = self._meta("counters")
        return msgspec.msgpack.decode(counters, type=dict[str, int]) if counters is not None else {}

    def intake_position(self, source: str) -> int:
        """Return the position of the last record taken from a source, -1 when none was."""
        row = self._db.execute("SELECT position FROM intake WHERE source = ?", (source,)).fetchone()
        return int(row[0]) if row is not None else -1

    def owners(self) -> Iterator[tuple[str, Owner]]:
        """Yield the tracking numbers that are known, and whose they are."""
        for number, owner in self._db.execute("SELECT number, owner FROM tracking"):
            yield number, _decode_owner(owner)

    def parked(self) -> Iterator[Parked]:
        """Yield the scans that wait for their parcel to be announced."""
        for (body,) in self._db.execute("SELECT body FROM parked ORDER BY id"):
            yield unpark(body)

    def pending(self) -> list[LoggedDecision]:
        """Return the decisions that nobody has made true yet, in the order in which they were made."""
        return list(self._decisions("WHERE pending = 1 ORDER BY number", ()))

    def decisions(self, order_id: str | None = None) -> Iterator[LoggedDecision]:
        """Yield the decisions and outcomes of one order, or of all, in the order in which they were made."""
        if order_id is None:
            return self._decisions("ORDER BY number", ())
        return self._decisions("WHERE order_id = ? ORDER BY number", (order_id,))

    def tally(self) -> Iterator[tuple[str, str | None, int]]:
        """Yield how many decisions there are of each type, and of each kind where they have one."""
        yield from self._db.execute(
            "SELECT type, CASE WHEN type LIKE 'exception.%' THEN json_extract(CAST(body AS TEXT), '$.kind') END AS kind, count(*)"
            " FROM decisions GROUP BY 1, 2"
        )

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield the records that could not be understood, oldest first."""
        columns = "id, source, place, code, why, hint, at, raw, version"
        for row in self._db.execute(f"SELECT {columns} FROM dead_letters ORDER BY at, id"):  # noqa: S608 - constant
            yield dead_letter(row)

    def _decisions(self, where: str, arguments: tuple[Any, ...]) -> Iterator[LoggedDecision]:
        rows = self._db.execute(f"SELECT number, id, type, now, body FROM decisions {where}", arguments)  # noqa: S608 - constants only
        for number, identity, wire_type, now, body in rows:
            yield LoggedDecision(
                number=number,
                id=identity,
                type=wire_type,
                now=datetime.fromisoformat(now),
                fact=decode_fact(wire_type, body),
            )

    def _meta(self, name: str) -> bytes | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else None


def owes(path: Path) -> bool:
    """True when a journal holds decisions that nobody has made true; a look, without a lock."""
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as db:
        try:
            return db.execute("SELECT 1 FROM decisions WHERE pending = 1 LIMIT 1").fetchone() is not None
        except sqlite3.Error:
            return False  # whoever opens it says what is wrong with it


class _Snapshot(msgspec.Struct):
    position: int
    now: datetime | None
    shape: str


def _upgrade(db: sqlite3.Connection) -> None:
    """Add what a journal of an older program does not have; nothing of what it has is changed."""
    if "version" not in {row[1] for row in db.execute("PRAGMA table_info(dead_letters)")}:
        db.execute("ALTER TABLE dead_letters ADD COLUMN version TEXT NOT NULL DEFAULT ''")


def parked_id(one: Parked) -> str:
    """Return the row id of a parked scan: the event's identity."""
    return f"{one.incoming.source}\x1f{one.incoming.id}"


def _parked_row(one: Parked) -> tuple[str, bytes]:
    return parked_id(one), _encode(written(one))


def unpark(body: bytes) -> Parked:
    """Return the scan that waits in a row of ``parked``."""
    return parked_of(_decode_parked(body))


def dead_letter(row: Sequence[Any]) -> DeadLetter:
    """Return the letter in a row of ``dead_letters``: id, source, place, code, why, hint, at, raw, version."""
    identity, source, place, code, why, hint, at, raw, version = row
    return DeadLetter(
        id=identity,
        source=source,
        place=place,
        code=code,
        why=why,
        hint=hint,
        at=datetime.fromisoformat(at),
        raw=raw,
        version=version,
    )


def _dead_row(letter: DeadLetter) -> tuple[str, str, str, str, str, str, str, bytes, str]:
    return (
        letter.id,
        letter.source,
        letter.place,
        letter.code,
        letter.why,
        letter.hint,
        letter.at.isoformat(),
        letter.raw,
        letter.version,
    )
