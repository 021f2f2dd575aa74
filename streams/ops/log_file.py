"""The journal of one machine as a history: read-only, while ``firstword run`` writes to the same file.

Rows are fetched a few at a time and no transaction stays open between them, so the writer's log can always be
folded back into its file. Nothing is held open between two calls either: a process that forks may go on
reading in each of its children.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from streams.codec.registry import decode_fact
from streams.ops.history import Batch, Decided, Extent
from streams.problems import UsageProblem, WorldProblem

ONLY = 0  # one machine has one partition
_BLOCKS = 64  # rows at a time: full blocks have some 70 KiB
_DECISIONS = 1024  # rows at a time: a decision has less than a kibibyte, one with a letter some three
_decode_counters = msgspec.msgpack.Decoder(dict[str, int]).decode
_RECENT = 200_000  # decisions: a busy day, read in a tenth of a second
# Each asked for by itself: SQLite answers one of them from the edge of the table, and two by reading all of it.
_END = (
    "SELECT (SELECT min(position) FROM blocks), (SELECT max(position) FROM blocks),"
    " (SELECT max(number) FROM decisions)"
)


class JournalFile:
    """The journal in an SQLite file, as it was when this was made: blocks and decisions of the same commit."""

    def __init__(self, path: Path) -> None:
        """Look how far the journal goes.

        Raises:
            UsageProblem: ``data-not-found``: there is no such file.
            WorldProblem: ``journal-unreadable``: it is no journal, or the disk fails.
        """
        self.name = str(path)
        self._path = path
        if not path.is_file():
            raise UsageProblem(
                "data-not-found",
                f"there is no journal at {path}",
                where=self.name,
                hint="name the folder that `firstword run --data` was given",
            )
        with self._reading("at its beginning") as db, self._telling("at its end"):
            first, last, decision = db.execute(_END).fetchone()
        self._first: int = first or 0
        self._last: int = last or 0
        self._last_decision: int = decision or 0

    def extents(self) -> Sequence[Extent]:
        """Return the only partition; nothing when not one block was written."""
        if self._last == 0:
            return ()
        return (Extent(partition=ONLY, first=self._first, end=self._last + 1),)

    def batches(self, partition: int, *, start: int | None = None) -> Iterator[Batch]:
        """Yield the blocks from ``start`` to the end that was there at opening.

        Raises:
            WorldProblem: ``journal-unreadable``.
        """
        _check(partition)
        query = "SELECT position, block FROM blocks WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
        for position, block in self._rows(query, (start or self._first) - 1, self._last, _BLOCKS):
            yield Batch(ONLY, position, block)

    def decided(self, partition: int) -> Iterator[Decided]:
        """Yield the decisions and outcomes up to that end, in the order in which they were made.

        Raises:
            WorldProblem: ``journal-unreadable``.
        """
        _check(partition)
        query = (
            "SELECT number, id, order_id, type, now, body FROM decisions"
            " WHERE number > ? AND number <= ? ORDER BY number LIMIT ?"
        )
        # Each stands there once: a decision is written in one transaction with the block that led to it.
        for _, identity, order_id, wire_type, now, body in self._rows(
            query, 0, self._last_decision, _DECISIONS
        ):
            yield _decided(identity, order_id, wire_type, now, body)

    def newest(self, wire_type: str, most: int) -> list[Decided]:
        """Return the newest decisions of a type up to that end, the newest first; what is older than :data:`_RECENT` is not looked at.

        Raises:
            WorldProblem: ``journal-unreadable``.
        """
        query = (
            "SELECT id, order_id, type, now, body FROM decisions"
            " WHERE number > ? AND number <= ? AND type = ? ORDER BY number DESC LIMIT ?"
        )
        place = (self._last_decision - _RECENT, self._last_decision, wire_type, most)
        with self._reading("at its end") as db, self._telling("at its end"):
            return [_decided(*row) for row in db.execute(query, place).fetchall()]

    def counters(self) -> dict[str, int]:
        """Return what the run counted, by name; empty where it has not said so yet.

        Raises:
            WorldProblem: ``journal-unreadable``.
        """
        with self._reading("at its counters") as db, self._telling("at its counters"):
            row = db.execute("SELECT value FROM meta WHERE name = 'counters'").fetchone()
        return {} if row is None else _decode_counters(row[0])

    def close(self) -> None:
        """Do nothing: every reading lets go of the file by itself."""

    def _rows(self, query: str, after: int, last: int, count: int) -> Iterator[tuple[Any, ...]]:
        """Yield rows by their first column, ``count`` at a time, each time in a transaction of its own."""
        with self._reading(f"behind {after}") as db:
            while after < last:
                with self._telling(f"behind {after}"):
                    rows = db.execute(query, (after, last, count)).fetchall()
                if not rows:
                    return
                yield from rows
                after = rows[-1][0]

    @contextmanager
    def _reading(self, where: str) -> Iterator[sqlite3.Connection]:
        with self._telling(where):
            db = _connect(self._path)
        with closing(db):
            yield db

    @contextmanager
    def _telling(self, where: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise WorldProblem(
                "journal-unreadable",
                "the journal cannot be read",
                where=f"{self.name}, {where}",
                why=str(error),
                hint="`firstword doctor --data DIR` looks at it; restore it from a backup if it is damaged",
            ) from error


def _decided(identity: str, order_id: str, wire_type: str, now: str, body: bytes) -> Decided:
    return Decided(
        id=identity,
        order_id=order_id,
        type=wire_type,
        now=datetime.fromisoformat(now),
        fact=decode_fact(wire_type, body),
    )


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    # A reading may be ended by the garbage collector, in whichever thread that runs.
    db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0, check_same_thread=False)
    try:
        db.execute("SELECT 1 FROM blocks LIMIT 1")
    except sqlite3.Error:
        db.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        # A copy in a folder where nothing can be written, not even SQLite's own index of its log.
        db = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None, check_same_thread=False)
    return db


def _check(partition: int) -> None:
    if partition != ONLY:
        raise UsageProblem(
            "partition-unknown",
            f"there is no partition {partition}",
            why="the journal of one machine has partition 0 alone",
            hint=f"leave the partition out, or name {ONLY}",
        )
