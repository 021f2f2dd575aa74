"""Filling the read model from a journal file, beside writing its events alone into one table."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from streams.codec.blocks import decode_entries
from streams.ops.read_model.columns import pack
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.follow import catch_up
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap

_NUMBERS = itertools.count()
_TABLE = "CREATE TABLE events (order_id TEXT, id TEXT, entry BLOB, PRIMARY KEY (order_id, id)) WITHOUT ROWID"


def rows() -> Iterator[Row]:
    """The month: every event and decision into rows that pages are made of."""
    path, _ = month.lived()
    count = len(month.events())
    yield beside(
        "read model, month, SQLite",
        "events",
        lap(lambda: _fill(path), count),
        lap(_write, count),
        floor_name="decoding, and one insert an event",
        rounds=3,
        warm=False,
        aim=5_000,
    )


def _fill(path: Path) -> None:
    feed = JournalFeed(path)
    catch_up(str(month.room() / f"readmodel-{next(_NUMBERS)}.sqlite"), feed)
    feed.close()


def _write() -> None:
    db = sqlite3.connect(month.room() / f"floor-{next(_NUMBERS)}.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute(_TABLE)
    for block in month.blocks():
        entries = sorted(decode_entries(block), key=lambda entry: entry.order_id)
        db.execute("BEGIN")
        values = [(entry.order_id, entry.id, pack(entry)) for entry in entries]
        db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", values)
        db.execute("COMMIT")
    db.close()
