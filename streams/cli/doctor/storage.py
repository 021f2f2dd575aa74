"""Looks at the data directory: the disk, the journal and the ledger, without writing to any of them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from streams.cli.doctor.check import Check, fine
from streams.cli.folder import JOURNAL, LEDGER, is_held
from streams.clock import wall_now
from streams.settings import Settings

_LITTLE = 1 << 30  # bytes: about three million events, or a night to react in
_NAMED = 5  # mails in doubt that are named; the rest is counted


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
    (dead,) = db.execute("SELECT count(*) FROM dead_letters").fetchone()
    if dead:
        codes = db.execute("SELECT code, count(*) FROM dead_letters GROUP BY code ORDER BY 2 DESC, 1")
        said = ", ".join(f"{count:,} {code}" for code, count in codes)
        yield Check(
            what="dead letters",
            state="look",
            says=f"{dead:,} records were not understood: {said}",
            do="firstword explain CODE says what each means",
        )
    if at is not None and at > wall_now().isoformat():
        yield Check(
            what="journal time",
            state="look",
            says=f"recorded time has come to {at}, which lies ahead of the clock",
            do="go on with --clock history, or take another --data for the present",
        )


def look_at_ledger(settings: Settings) -> Iterator[Check]:
    """Say how many mails stand in each state, and name those whose fate nobody knows."""
    path = settings.data / LEDGER
    if not path.exists():
        yield fine("ledger", "none yet")
        return
    try:
        with closing(_open(path)) as db:
            counts = dict(db.execute("SELECT state, count(*) FROM mail_ledger GROUP BY state ORDER BY state"))
            doubts = [
                f"{message_id} (order {order_id})"
                for message_id, order_id in db.execute(
                    "SELECT message_id, order_id FROM mail_ledger WHERE state = 'in_doubt' ORDER BY 1"
                )
            ]
    except sqlite3.Error as error:
        yield _damaged("ledger", path, error)
        return
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    yield fine("ledger", said or "no mail yet")
    if doubts:
        more = f" and {len(doubts) - _NAMED:,} more" if len(doubts) > _NAMED else ""
        yield Check(
            what="in doubt",
            state="act",
            says=f"nobody knows whether these went out: {', '.join(doubts[:_NAMED])}{more}",
            do="look into the relay's log for the message id; `firstword explain in_doubt` says why nothing is sent again",
        )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)


def _damaged(what: str, path: Path, error: sqlite3.Error) -> Check:
    return Check(
        what=what,
        state="act",
        says=f"{path} cannot be read: {error}",
        do="stop the process, keep a copy of the folder, and restore the file from a backup",
    )
