"""The dead letters of one data folder: read out of its journal, put back into its inbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from streams.embedded.inbox import Kept, Note, look, put_all
from streams.embedded.journal import dead_letter, unpark
from streams.ops.letters import Letter, hopeless, misunderstood
from streams.pipeline.correlate import Parked
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.ports import Rejected, Source
from streams.problems import UsageProblem, WorldProblem

JOURNAL = "journal.sqlite"
_LETTERS = "SELECT id, source, place, code, why, hint, at, raw{} FROM dead_letters ORDER BY at, id"


class FolderLetters:
    """Letters in a journal file, while ``firstword run`` writes to it or while nobody does."""

    def __init__(self, folder: Path, sources: Mapping[str, Source] | None = None) -> None:
        """Look for the journal; ``sources`` are today's adapters, by default those that are installed.

        Raises:
            UsageProblem: ``data-not-found``.
        """
        self.folder = folder
        self.name = str(folder)
        self._path = folder / JOURNAL
        self._sources = sources
        if not self._path.is_file():
            raise UsageProblem(
                "data-not-found",
                f"there is no journal in {folder}",
                where=str(self._path),
                hint="name the folder that `firstword run --data` was given",
            )

    def letters(self) -> Iterator[Letter]:
        """Yield every letter once, oldest first.

        Raises:
            WorldProblem: ``journal-unreadable``, ``inbox-unreadable``.
        """
        left = {one.key: one for one in look(self.folder) if one.key}
        with self._reading() as db:
            # A journal that was last written by an older program does not say which one it was.
            known = {row[1] for row in db.execute("PRAGMA table_info(dead_letters)")}
            more = ", version" if "version" in known else ", ''"
            for row in db.execute(_LETTERS.format(more)):
                dead = dead_letter(row)
                yield _stood(dead, left.get(dead.id))

    def parked(self) -> Iterator[Parked]:
        """Yield the scans that wait, oldest first.

        Raises:
            WorldProblem: ``journal-unreadable``.
        """
        with self._reading() as db:
            rows = db.execute("SELECT body FROM parked").fetchall()
        waiting = [unpark(body) for (body,) in rows]
        yield from sorted(waiting, key=lambda one: (one.since, one.key, one.incoming.id))

    def refusal(self, dead: DeadLetter) -> Rejected | None:
        """Return why it would be of no use to put a letter back today, or None."""
        return hopeless(dead) or misunderstood(dead, self._adapters())

    def put_back(self, letters: Sequence[DeadLetter], now: datetime) -> int:
        """Leave the records in the inbox, all or none; whoever works in the folder, or starts there, takes them.

        Raises:
            WorldProblem: ``inbox-not-written``.
        """
        notes = [Note(source=one.source, raw=one.raw, at=now, place=one.place, key=one.id) for one in letters]
        return put_all(self.folder, notes) if notes else 0

    def close(self) -> None:
        """Do nothing: every reading lets go of the file by itself."""

    def _adapters(self) -> Mapping[str, Source]:
        if self._sources is None:
            from streams.sources import discover

            self._sources = discover()
        return self._sources

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        uri = f"file:{quote(str(self._path.absolute()))}?mode=ro"
        try:
            db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5.0)
            try:
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise WorldProblem(
                "journal-unreadable",
                "the journal cannot be read",
                where=str(self._path),
                why=str(error),
                hint="`firstword doctor --data DIR` looks at it; restore it from a backup if it is damaged",
            ) from error


def _stood(dead: DeadLetter, kept: Kept | None) -> Letter:
    if kept is None:
        return Letter(dead=dead)
    return Letter(dead=dead, state="waiting" if kept.taken is None else "redriven", redriven_at=kept.at)
