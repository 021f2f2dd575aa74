"""The inbox of a data directory: records that any process may leave for the one that works there.

A journal has one writer. Whoever else has something to say (a redriven dead letter, a verdict from the console)
puts the record into ``inbox.sqlite``; the process that runs takes it at its next heartbeat, by the same way as any
other record, and a process that starts takes it first. How far the inbox was taken stands in the journal, in one
transaction with the events: a record is taken once, whenever a process dies. ``taken`` here is only for people.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from streams.clock import wall_now
from streams.embedded.engine import Engine
from streams.pipeline.ports import Record, Rejected, Source, Translation
from streams.problems import WorldProblem

INBOX = "inbox.sqlite"
AT_ONCE = 1024  # records taken at one heartbeat: some 60 milliseconds, in which nothing else happens
UNREADABLE = "inbox-unreadable"
_WRITER_WAITS = 5.0  # seconds for another writer
_READER_WAITS = 0.2  # seconds; the loop stands still meanwhile, and comes again at the next heartbeat
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS inbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, source TEXT NOT NULL, place TEXT NOT NULL,
  at TEXT NOT NULL, raw BLOB NOT NULL, taken TEXT);
CREATE INDEX IF NOT EXISTS inbox_waiting ON inbox (number) WHERE taken IS NULL;
INSERT OR IGNORE INTO meta VALUES ('name', lower(hex(randomblob(8))));
"""
# From the first that is new to the journal, or is not marked: both are found without a walk through the rest.
_NEW = (
    "SELECT number, source, place, raw FROM inbox WHERE number > min(?1,"
    " coalesce((SELECT min(number) - 1 FROM inbox WHERE taken IS NULL), ?1)) ORDER BY number LIMIT ?2"
)
_TAKEN = "UPDATE inbox SET taken = ? WHERE number <= ? AND taken IS NULL"
_AGAIN = re.compile(r" \(inbox \d+\)$")


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A record to be left: ``place`` says where it came from; of one ``key`` only the first is kept."""

    source: str
    raw: bytes
    at: datetime
    place: str = ""
    key: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was left: ``taken`` is when a process took it, None while it waits."""

    number: int
    key: str
    source: str
    place: str
    at: datetime
    taken: datetime | None


def put(
    folder: Path, source: str, raw: bytes, *, place: str = "", key: str = "", at: datetime | None = None
) -> bool:
    """Leave one record for the process that works in ``folder``; False when its key was left before.

    Raises:
        WorldProblem: ``inbox-not-written``.
    """
    note = Note(source=source, raw=raw, at=at if at is not None else wall_now(), place=place, key=key)
    return put_all(folder, [note]) == 1


def put_all(folder: Path, notes: Iterable[Note]) -> int:
    """Leave records, all of them or none; return how many were new. They survive a power cut.

    Raises:
        WorldProblem: ``inbox-not-written``.
    """
    rows = [(one.key or None, one.source, one.place, one.at.isoformat(), one.raw) for one in notes]
    path = folder / INBOX
    try:
        with _opened(path, "rwc", _WRITER_WAITS) as db:
            db.executescript(_SCHEMA)
            before = db.total_changes
            db.execute("BEGIN IMMEDIATE")
            insert = (
                "INSERT INTO inbox (key, source, place, at, raw) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO NOTHING"
            )
            db.executemany(insert, rows)
            db.execute("COMMIT")
            return db.total_changes - before
    except sqlite3.Error as error:
        raise WorldProblem(
            "inbox-not-written",
            "the inbox of the data folder could not be written",
            where=str(path),
            why=str(error),
            hint="nothing was left there; check that the folder exists and the disk has room, and do it again",
            retriable=True,
        ) from error


def look(folder: Path) -> tuple[Kept, ...]:
    """Return everything that was ever left in ``folder``, oldest first, without the records themselves.

    Raises:
        WorldProblem: ``inbox-unreadable``.
    """
    path = folder / INBOX
    if not path.exists():
        return ()
    with _telling(path), _opened(path, "rw", _WRITER_WAITS) as db:
        rows = db.execute(
            "SELECT number, key, source, place, at, taken FROM inbox ORDER BY number"
        ).fetchall()
    return tuple(
        Kept(
            number=number,
            key=key or "",
            source=source,
            place=place,
            at=datetime.fromisoformat(at),
            taken=datetime.fromisoformat(taken) if taken is not None else None,
        )
        for number, key, source, place, at, taken in rows
    )


def waiting(folder: Path) -> int:
    """Return how many records wait to be taken.

    Raises:
        WorldProblem: ``inbox-unreadable``.
    """
    return sum(1 for one in look(folder) if one.taken is None)


class Inbox:
    """The reading side, for the one process that works in the folder."""

    def __init__(self, folder: Path, sources: Mapping[str, Source]) -> None:
        self._path = folder / INBOX
        self._sources = sources

    def drain(self, engine: Engine, now: datetime) -> int:
        """Take what was left, up to ``AT_ONCE`` records, at ``now``, and write it down; return how many.

        Raises:
            WorldProblem: ``inbox-unreadable``; the codes of :meth:`Engine.commit`.
        """
        if not self._path.exists():
            return 0
        named = self._ask("SELECT value FROM meta WHERE name = 'name'")
        if not named:  # locked for the moment, or not yet whole
            return 0
        feed = f"inbox={named[0][0]}"  # a new file counts from one again, and is another inbox
        after = engine.journal.intake_position(feed)
        rows = self._ask(_NEW, after, AT_ONCE)
        new = [row for row in rows if row[0] > after]
        if new:
            self._take(engine, new, feed, now)
        if rows:  # a mark for people; where it cannot be made now, the next heartbeat makes it
            self._ask(_TAKEN, now.isoformat(), rows[-1][0])
        return len(new)

    def _ask(self, query: str, *values: object) -> list[Any]:
        """Return the rows of a query; none while somebody else writes, which the next heartbeat finds over."""
        with _telling(self._path), _opened(self._path, "rw", _READER_WAITS) as db:
            try:
                return db.execute(query, values).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                return []

    def _take(
        self, engine: Engine, rows: Iterable[tuple[int, str, str, bytes]], feed: str, now: datetime
    ) -> None:
        for number, source, place, raw in rows:
            record = Record(source=source, place=_place(place, number), position=number, raw=raw)
            engine.take(record, self._translate(record), now, feed)
        engine.commit()

    def _translate(self, record: Record) -> Translation:
        source = self._sources.get(record.source)
        if source is None:
            return _no_source(record.source, self._sources)
        try:
            return source.translate(record)
        except Exception as error:  # noqa: BLE001 - a record that kills the process would kill it at every start
            return _failed(record.source, error)


@contextmanager
def _opened(path: Path, mode: str, seconds: float) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}", uri=True, isolation_level=None, timeout=seconds
    )
    try:
        yield db
    finally:
        db.close()


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise WorldProblem(
            UNREADABLE,
            "the inbox of the data folder cannot be read",
            where=str(path),
            why=str(error),
            hint="move the file away; what was left in it and not taken is lost with it: redrive again",
        ) from error


def _place(place: str, number: int) -> str:
    """Return where a person finds the record, and that it came this way: a second failure is another letter."""
    return f"{_AGAIN.sub('', place) or 'left'} (inbox {number})"


def _no_source(name: str, sources: Mapping[str, Source]) -> Rejected:
    return Rejected(
        code="source-not-installed",
        why=f"there is no source called {name!r}; known: {', '.join(sorted(sources))}",
        hint="install the source, then redrive the letter",
    )


def _failed(name: str, error: Exception) -> Rejected:
    return Rejected(
        code="source-failed",
        why=f"the source {name} failed on it: {type(error).__name__}: {error}"[:500],
        hint="this is a mistake of the program: report it with the record, upgrade, then redrive the letter",
    )
