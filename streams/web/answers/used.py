"""Which answers were given, so that a second click is told so; the journal would drop it by its id in any case."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from streams.problems import WorldProblem

USED: Final = "answers.sqlite"
_WAIT: Final = 5.0  # seconds for another process
_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS used (choice TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID"


class Used:
    """A table of one folder; safe to be asked by several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / USED

    def knows(self, choice_id: str) -> bool:
        """Return whether an answer was given.

        Raises:
            WorldProblem: ``answers-not-kept``.
        """
        with self._opened() as db:
            return db.execute("SELECT 1 FROM used WHERE choice = ?", (choice_id,)).fetchone() is not None

    def note(self, choice_id: str, now: datetime) -> bool:
        """Note that an answer was given; False when it was noted before.

        Raises:
            WorldProblem: ``answers-not-kept``.
        """
        with self._opened() as db:
            insert = "INSERT INTO used VALUES (?, ?) ON CONFLICT DO NOTHING"
            return db.execute(insert, (choice_id, now.isoformat())).rowcount == 1

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._path, isolation_level=None, timeout=_WAIT)
            try:
                db.execute(_SCHEMA)
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise WorldProblem(
                "answers-not-kept",
                "which answers were given cannot be read or written down",
                where=str(self._path),
                why=str(error),
                hint="check that the folder exists and the disk has room; customers are asked to try again",
                retriable=True,
            ) from error
