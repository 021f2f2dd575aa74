"""The outbox of one machine that a live replay writes to: the pending decisions of its journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from streams.ops.replay.live import Kept
from streams.problems import WorldProblem

_APPEND = (
    "INSERT INTO decisions (number, id, order_id, type, now, body, pending)"
    " SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, 1 FROM decisions"
)


class JournalOutbox:
    """The pending decisions in a journal file, which nobody else may have open: `firstword run` makes them true."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def put(self, decisions: Sequence[Kept]) -> int:
        """Mark decisions as pending, and write those that the journal does not know; return how many are new to it.

        Raises:
            WorldProblem: ``outbox-unwritable``; nothing was written.
        """
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None, timeout=5.0)) as db:
                db.execute("BEGIN IMMEDIATE")
                new = _mark_pending(db, decisions)
                db.executemany(_APPEND, map(_row, new))
                db.execute("COMMIT")
                return len(new)
        except sqlite3.Error as error:
            raise unwritable(self.name, str(error)) from error


def _mark_pending(db: sqlite3.Connection, decisions: Sequence[Kept]) -> list[Kept]:
    """Mark what the journal knows, in one walk through it, and return the rest."""
    db.execute("CREATE TEMP TABLE wanted (id TEXT PRIMARY KEY) WITHOUT ROWID")
    db.executemany("INSERT OR IGNORE INTO wanted VALUES (?)", [(one.id,) for one in decisions])
    rows = db.execute(
        "UPDATE decisions SET pending = 1 WHERE id IN (SELECT id FROM wanted) RETURNING id"
    ).fetchall()
    known = {identity for (identity,) in rows}
    return [one for one in decisions if one.id not in known]


def _row(one: Kept) -> tuple[str, str, str, str, bytes]:
    return one.id, one.order_id, one.type, one.now.isoformat(), one.body


def unwritable(where: str, why: str) -> WorldProblem:
    """Return the problem of an outbox that takes nothing."""
    return WorldProblem(
        "outbox-unwritable",
        "the outbox does not take the decisions",
        where=where,
        why=why,
        hint="run it again when that is mended: what was written already is made true once, by its id",
        retriable=True,
    )
