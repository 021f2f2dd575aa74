"""A journal file that ``firstword run`` may be writing: read on from where the tables are, and never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from streams.codec.blocks import decode_entries
from streams.codec.registry import decode_fact
from streams.embedded.inbox import look
from streams.embedded.journal import LoggedDecision, dead_letter, unpark
from streams.ops.read_model.columns import parked_key
from streams.ops.read_model.portions import Heard, Place, Portion, Reached
from streams.problems import InputProblem, UsageProblem, WorldProblem

EVENTS: Place = ("journal", 0)
DECISIONS: Place = ("decisions", 0)
LETTERS: Place = ("dead letters", 0)
_BLOCKS = 16  # full blocks of one portion: 4,096 events
_ROWS = 4096  # decisions of one portion
_DEAD = 512  # dead letters of one portion: 32 MiB at most
_LAST = (
    (EVENTS, "SELECT block FROM blocks WHERE position = ?"),
    (DECISIONS, "SELECT CAST(id || CAST(body AS TEXT) AS BLOB) FROM decisions WHERE number = ?"),
)


class JournalFeed:
    """The journal of one data folder; not to be shared between threads."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            UsageProblem: ``data-not-found``.
            WorldProblem: ``journal-unreadable``.
        """
        self.name = str(path)
        self._folder = path.parent
        if not path.is_file():
            raise UsageProblem(
                "data-not-found",
                f"there is no journal at {path}",
                where=self.name,
                hint="name the folder that `firstword run --data` was given",
            )
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with self._telling():
            self._db = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False
            )
        self._version: tuple[Any, ...] | None = None
        self._parked: dict[str, bytes] | None = None
        self._redriven: dict[str, datetime] = {}

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def identity(self) -> str:
        """Return what stands for the first block: a folder that was emptied and filled again has another."""
        with self._telling():
            row = self._db.execute("SELECT block FROM blocks ORDER BY position LIMIT 1").fetchone()
        return "" if row is None else f"file {blake2b(row[0], digest_size=8).hexdigest()}"

    def mark(self, reached: Reached) -> str:
        """Return what stands for the last block and the last decision: the same history, decided anew, has others."""
        mark = blake2b(digest_size=8)
        with self._telling():
            for place, query in _LAST:
                row = self._db.execute(query, (reached.get(place, 0),)).fetchone()
                mark.update(b"" if row is None else row[0])
        return mark.hexdigest()

    def next(self, reached: Reached) -> Portion | None:
        """Return the next blocks and decisions; None while nobody writes."""
        with self._telling():
            stands = self._stands()
            if stands == self._version:
                return None
            portion = Portion(reached={})
            whole = self._hear(portion, reached.get(EVENTS, 0))
            whole &= self._decide(portion, reached.get(DECISIONS, 0))
            whole &= self._bury(portion, reached.get(LETTERS, 0))
            if whole:  # what only stands as it stands now is looked at when all the rest is read
                self._park(portion)
                self._redrive(portion)
                self._version = stands
        portion.mark = self.mark({**reached, **portion.reached})
        return portion if _says_something(portion) else None

    def again(self) -> None:
        """Let the next question look at everything: the last answer was not written."""
        self._version = None
        self._parked = None
        self._redriven = {}

    def _stands(self) -> tuple[Any, ...]:
        """Return what changes when anybody writes."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        inbox = self._folder / "inbox.sqlite"
        signs = [file.stat() for file in (inbox, inbox.with_name("inbox.sqlite-wal")) if file.exists()]
        return (version, *((sign.st_size, sign.st_mtime_ns) for sign in signs))

    def _hear(self, portion: Portion, after: int) -> bool:
        query = "SELECT position, block FROM blocks WHERE position > ? ORDER BY position LIMIT ?"
        rows = self._db.execute(query, (after, _BLOCKS)).fetchall()
        for position, block in rows:
            portion.reached[EVENTS] = position
            try:
                entries = decode_entries(block)
            except InputProblem:
                continue  # the fold has set it aside, or stopped at it: that is told there
            portion.heard += [Heard(position, place, entry) for place, entry in enumerate(entries)]
        return len(rows) < _BLOCKS

    def _decide(self, portion: Portion, after: int) -> bool:
        query = "SELECT number, id, type, now, body FROM decisions WHERE number > ? ORDER BY number LIMIT ?"
        rows = self._db.execute(query, (after, _ROWS)).fetchall()
        for number, identity, wire_type, now, body in rows:
            portion.reached[DECISIONS] = number
            portion.decided.append(
                LoggedDecision(
                    number=number,
                    id=identity,
                    type=wire_type,
                    now=datetime.fromisoformat(now),
                    fact=decode_fact(wire_type, body),
                )
            )
        return len(rows) < _ROWS

    def _bury(self, portion: Portion, after: int) -> bool:
        version = "version" if self._has_versions() else "''"
        query = (
            f"SELECT rowid, id, source, place, code, why, hint, at, raw, {version} FROM dead_letters"  # noqa: S608 - constants
            " WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
        rows = self._db.execute(query, (after, _DEAD)).fetchall()
        for number, *values in rows:
            portion.reached[LETTERS] = number
            portion.dead.append(dead_letter(values))
        return len(rows) < _DEAD

    def _has_versions(self) -> bool:
        """True unless an older program wrote this journal, and none has opened it since."""
        return any(row[1] == "version" for row in self._db.execute("PRAGMA table_info(dead_letters)"))

    def _park(self, portion: Portion) -> None:
        """Tell what waits where that has changed since the last time; few scans ever wait."""
        rows = dict(self._db.execute("SELECT id, body FROM parked"))
        if rows != self._parked:
            waiting = map(unpark, rows.values())
            portion.parked = {parked_key(one.incoming.source, one.incoming.id): one for one in waiting}
            portion.parked_whole = True
            self._parked = rows

    def _redrive(self, portion: Portion) -> None:
        if not (self._folder / "inbox.sqlite").exists():
            return
        redriven = {kept.key: kept.at for kept in look(self._folder) if kept.key}
        portion.redriven = {key: at for key, at in redriven.items() if key not in self._redriven}
        self._redriven = redriven

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WorldProblem(
                "journal-unreadable",
                "the journal cannot be read",
                where=self.name,
                why=str(error),
                hint="`firstword doctor --data DIR` looks at it; restore it from a backup if it is damaged",
                retriable=True,
            ) from error


def _says_something(portion: Portion) -> bool:
    return bool(portion.reached or portion.parked_whole or portion.redriven)
