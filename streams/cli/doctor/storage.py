"""Looks at the data directory: the disk, the journal, the inbox and the ledger, without writing to any of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from streams.cli.doctor.check import Check, fine
from streams.cli.doctor.ledger import look_at_rows
from streams.cli.folder import JOURNAL, LEDGER, is_held
from streams.clock import wall_now
from streams.settings import Settings

_LITTLE = 1 << 30  # bytes: about three million events, or a night to react in


def look_at_folder(settings: Settings) -> Iterator[Check]:
    """Say whether the data directory can be written, and how much room there is."""
    folder = settings.data
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        do = "name a folder that you may write to with --data"
        yield Check(what="data", state="act", says=f"{existing} cannot be written", do=do)
        return
    free = shutil.disk_usage(existing).free
    room = f"{free / (1 << 30):,.1f} GiB free"
    if free < _LITTLE:
        yield Check(what="data", state="act", says=f"{folder}: only {room}", do="make room on the disk")
    elif not folder.exists():
        yield fine("data", f"{folder} is not there yet and can be made, {room}")
    else:
        yield fine("data", f"{folder}, {room}{', a process works in it' if is_held(folder) else ''}")


def look_at_journal(settings: Settings) -> Iterator[Check]:
    """Say whether the journal is sound, how far it has come, and what waits in it."""
    path = settings.data / JOURNAL
    if not path.exists():
        yield fine("journal", "none yet")
        return
    try:
        with closing(_open(path)) as db:
            (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
            yield from _journal(db)
    except sqlite3.Error as error:
        yield _damaged("journal", path, error)


def _journal(db: sqlite3.Connection) -> Iterator[Check]:
    position, at, events = db.execute(
        "SELECT coalesce(max(position), 0), max(recorded_at), coalesce(sum(events), 0) FROM blocks"
    ).fetchone()
    yield fine("journal", f"sound, position {position}, {events:,} events, until {at or 'never'}")
    (pending,) = db.execute("SELECT count(*) FROM decisions WHERE pending = 1").fetchone()
    if pending:
        yield Check(
            what="outbox",
            state="look",
            says=f"{pending:,} decisions are not done yet",
            do="they are done when `firstword run` goes on with the same --data",
        )
    (parked,) = db.execute("SELECT count(*) FROM parked").fetchone()
    if parked:
        yield fine(
            "parked", f"{parked:,} scans wait for their order; `firstword dead-letters list` shows them"
        )
    if at is not None and at > wall_now().isoformat():
        yield Check(
            what="journal time",
            state="look",
            says=f"recorded time has come to {at}, which lies ahead of the clock",
            do="go on with --clock history, or take another --data for the present",
        )


def look_at_letters(settings: Settings) -> Iterator[Check]:
    """Say what was not understood and nobody has put back, and what was left and nobody has taken.

    Raises:
        WorldProblem: ``journal-unreadable``, ``inbox-unreadable``.
    """
    from streams.embedded.inbox import waiting
    from streams.ops.letters import open_letters, reasons

    if not (settings.data / JOURNAL).exists():
        return
    found = [one for one in reasons(open_letters(settings, kafka=False).letters()) if one.open]
    if found:
        said = ", ".join(f"{one.open:,} {one.code}" for one in found)
        yield Check(
            what="dead letters",
            state="look",
            says=f"{sum(one.open for one in found):,} records were not understood: {said}",
            do=f"firstword dead-letters list --data {settings.data}",
        )
    left = waiting(settings.data)
    if left:
        yield Check(
            what="inbox",
            state="look",
            says=f"{left:,} records were left and are not taken yet",
            do="they are taken when `firstword run` goes on with the same --data",
        )


def look_at_ledger(settings: Settings) -> Iterator[Check]:
    """Say how the ledger in the data directory stands; where a database is set, it is not there."""
    path = settings.data / LEDGER
    if settings.database is not None and not path.exists():
        return
    if not path.exists():
        yield fine("ledger", "none yet")
        return
    try:
        with closing(_open(path)) as db:
            yield from look_at_rows(lambda query: db.execute(query).fetchall())
    except sqlite3.Error as error:
        yield _damaged("ledger", path, error)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)


def _damaged(what: str, path: Path, error: sqlite3.Error) -> Check:
    return Check(
        what=what,
        state="act",
        says=f"{path} cannot be read: {error}",
        do="stop the process, keep a copy of the folder, and restore the file from a backup",
    )
