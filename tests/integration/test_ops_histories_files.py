"""The journal of one machine, read while somebody writes to it, damaged, or on a disk that cannot be written."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from streams.embedded.journal import Batch, Journal
from streams.ops import log_file
from streams.ops.history import Extent
from streams.ops.log_file import JournalFile
from streams.problems import UsageProblem, WorldProblem
from tests.embedded_runs import ROOT

BLOCKS = 300  # more than are fetched at once
NOBODY = 65534
READ = """
import os, sys
from pathlib import Path
from streams.ops.log_file import JournalFile
if os.getuid() == 0:  # who may do everything proves nothing
    os.setgid({nobody})
    os.setuid({nobody})
history = JournalFile(Path(sys.argv[1]))
print(sum(1 for _ in history.batches(0)))
"""


def fill(path: Path, count: int = BLOCKS) -> Journal:
    """A journal with so many blocks; what is in them matters to nobody here."""
    journal = Journal(path)
    batch = Batch()
    batch.blocks = [("2026-11-20T00:00:00+00:00", 1, b"block %d" % number) for number in range(count)]
    journal.commit(batch)
    return journal


def test_a_run_writes_and_checkpoints_while_it_is_read(tmp_path):
    """A reading that pauses holds nothing: the writer's log goes back into its file, and is emptied."""
    path = tmp_path / "journal.sqlite"
    journal = fill(path)
    history = JournalFile(path)
    reading = history.batches(0)
    first = next(reading)
    more = Batch()
    more.blocks = [("2026-11-21T00:00:00+00:00", 1, b"later")]
    journal.commit(more)
    busy, _, _ = journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    log = (tmp_path / "journal.sqlite-wal").stat().st_size
    journal.close()
    told = [first.block, *(batch.block for batch in reading)]

    assert (busy, log) == (0, 0)
    assert told == [b"block %d" % number for number in range(BLOCKS)]
    assert JournalFile(path).extents() == (Extent(partition=0, first=1, end=BLOCKS + 2),)


def test_blocks_and_decisions_end_with_the_same_commit(tmp_path):
    """Else a decision would look as if nobody had made it."""
    path = tmp_path / "journal.sqlite"
    journal = fill(path, 1)
    history = JournalFile(path)
    more = Batch()
    more.decisions = [(1, "dec", "ORD-1", "order.canceled.v1", "2026-11-20T00:00:00+00:00", b"{", 0)]
    journal.commit(more)
    journal.close()

    assert list(history.decided(0)) == []


def test_a_new_journal_is_an_empty_history(tmp_path):
    """Nothing is there, and nothing is wrong."""
    Journal(tmp_path / "journal.sqlite").close()
    history = JournalFile(tmp_path / "journal.sqlite")

    assert history.extents() == ()
    assert list(history.batches(0)) == []
    assert list(history.decided(0)) == []


def test_where_there_is_no_journal_none_is_made(tmp_path):
    """A wrong folder is said to be one."""
    with pytest.raises(UsageProblem) as caught:
        JournalFile(tmp_path / "journal.sqlite")

    assert caught.value.code == "data-not-found"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def open_folder():
    """A folder that everybody may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_copy_that_cannot_be_written_can_be_read(open_folder):
    """A backup on a disk without the right to write, not even for SQLite's own index."""
    folder = open_folder / "a copy? #1"
    folder.mkdir()
    fill(folder / "journal.sqlite").close()
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ.format(nobody=NOBODY), str(folder / "journal.sqlite")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    folder.chmod(0o755)

    assert (done.stdout, done.stderr) == (f"{BLOCKS}\n", "")
    assert [one.name for one in folder.iterdir()] == ["journal.sqlite"]


def test_a_damaged_journal_says_how_far_it_could_be_read(tmp_path):
    """And what to do; nothing of it is skipped."""
    whole = tmp_path / "whole.sqlite"
    fill(whole, 20_000).close()
    path = tmp_path / "journal.sqlite"
    shutil.copy(whole, path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 16_384)
    history = JournalFile(path)
    read = []
    with pytest.raises(WorldProblem) as caught:
        read.extend(batch.position for batch in history.batches(0))

    assert caught.value.code == "journal-unreadable"
    assert caught.value.where == f"{path}, behind {read[-1]}"
    assert read == list(range(1, read[-1] + 1))


def test_opening_reads_no_more_than_the_edges(tmp_path):
    """A journal of years is opened as quickly as one of an hour: no table is walked through."""
    journal = fill(tmp_path / "journal.sqlite")
    plan = [step[-1] for step in journal._db.execute(f"EXPLAIN QUERY PLAN {log_file._END}")]
    journal.close()

    assert [step for step in plan if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"] == []
    assert sum(step.startswith("SEARCH") for step in plan) == 3


def test_a_file_that_is_no_journal_is_said_to_be_none(tmp_path):
    """Some other database, or no database at all."""
    other = tmp_path / "journal.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE orders (id)")
    database.close()
    rubbish = tmp_path / "rubbish.sqlite"
    rubbish.write_bytes(b"x" * 5000)
    for path in (other, rubbish):
        with pytest.raises(WorldProblem) as caught:
            JournalFile(path)

        assert caught.value.code == "journal-unreadable"
