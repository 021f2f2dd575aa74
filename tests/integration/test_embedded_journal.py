"""The journal keeps what was confirmed, all of it or nothing, and says plainly when it cannot."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from streams.embedded.engine import Engine
from streams.embedded.journal import Batch, Journal, LoggedDecision
from streams.pipeline.correlate import Owner
from streams.policies.loader import load_policy
from streams.problems import WorldProblem
from streams.simulate.plan import Plan
from streams.simulate.shop import write as write_world
from streams.sources.native.adapter import SOURCE
from tests.builders import encode_state
from tests.embedded_runs import ROOT, run_history
from tests.ndjson import DAY, MONDAY, delivered_well, in_time, placed, swapped, write

POLICY = load_policy(None)

# Fills a batch of everything, and dies after the last statement before COMMIT.
DIES_BEFORE_COMMIT = """
import os, signal, sys
from pathlib import Path
from streams.embedded.journal import Batch, Journal
from streams.pipeline.correlate import Owner

class Deadly(dict):
    def __bool__(self):
        os.kill(os.getpid(), signal.SIGKILL)

journal = Journal(Path(sys.argv[1]))
batch = Batch()
batch.blocks = [("2026-03-02T00:00:00+00:00", 1, b"x" * 100_000)] * 50
batch.decisions = [(1, "dec_1", "ORD-1", "time.passed.v1", "2026-03-02T00:00:00+00:00", b"{}", 1)]
batch.intake = {"native=a": 7}
batch.tracking = {"1Z": Owner("ORD-1")}
batch.counters = Deadly()
journal.commit(batch)
"""


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def engine_over(path, events):
    """An engine that has taken the events of a file, undisturbed by effects."""
    engine = Engine(Journal(path), POLICY)
    take(engine, events)
    return engine


def take(engine, events, *, after=-1):
    for record in SOURCE.read(str(events), after=after):
        translation = SOURCE.translate(record)
        now = max(engine.now or MONDAY, *(one.occurred_at for one in translation))
        while (due := engine.next_alarm()) is not None and due <= now:
            engine.pass_time(due)
        engine.take(record, translation, now, "file")
    engine.commit()


def rows(path, table):
    with sqlite3.connect(path) as db:
        found = db.execute(f"SELECT * FROM {table}").fetchall()
    db.close()
    return found


# ---------------------------------------------------------------------------- all or nothing


def test_a_crash_before_commit_leaves_nothing(tmp_path):
    """SIGKILL between BEGIN and COMMIT: no block, no decision, no position, no tracking number."""
    path = tmp_path / "journal.sqlite"
    done = subprocess.run([sys.executable, "-c", DIES_BEFORE_COMMIT, str(path)], cwd=ROOT, check=False)
    journal = Journal(path)
    left = (
        journal.last_position(),
        journal.last_number(),
        journal.intake_position("native=a"),
        list(journal.owners()),
    )
    journal.close()

    assert done.returncode == -signal.SIGKILL
    assert left == (0, 0, -1, [])


def test_a_batch_that_cannot_be_written_leaves_nothing_and_can_be_written_again(journal):
    """A statement in the middle fails: what stood before it is taken back, and the next batch is whole."""
    batch = Batch()
    batch.intake = {"native=a": 7}
    batch.tracking = {"1Z": Owner("ORD-1")}
    batch.counters = {"in": 1}
    row = (1, "dec_1", "ORD-1", "time.passed.v1", MONDAY.isoformat(), b'{"order_id":"ORD-1"}', 0)
    batch.decisions = [row, row]
    with pytest.raises(WorldProblem, match="journal-not-written"):
        journal.commit(batch)
    left = journal.last_number(), journal.intake_position("native=a"), journal.counters()
    batch.decisions = [row]
    journal.commit(batch)

    assert left == (0, -1, {})
    assert (journal.last_number(), journal.intake_position("native=a"), journal.counters()) == (
        1,
        7,
        {"in": 1},
    )
    assert [type(one) for one in journal.decisions()] == [LoggedDecision]


def test_events_of_a_failed_commit_are_written_once(tmp_path):
    """The disk is full, then has room: the same events stand in the journal once, not twice."""
    events = write(tmp_path / "events.ndjson", *delivered_well("ORD-1"))
    engine = Engine(Journal(tmp_path / "journal.sqlite"), POLICY)
    engine.journal._db.execute("PRAGMA query_only=ON")
    with pytest.raises(WorldProblem):
        take(engine, events)
    engine.journal._db.execute("PRAGMA query_only=OFF")
    engine.commit()
    written = [event.id for _, block in engine.journal.blocks() for event in block if event.order_id != "*"]
    engine.journal.close()

    assert written == ["ORD-1-placed", "ORD-1-labelled", "ORD-1-s1", "ORD-1-s2"]


# ---------------------------------------------------------------------------- snapshots


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A simulated shop's week, cut in the middle."""
    folder = tmp_path_factory.mktemp("world")
    lines = write_world(Plan(seed=11, orders=150), folder).events.read_bytes().splitlines(keepends=True)
    (folder / "first.ndjson").write_bytes(b"".join(lines[: len(lines) // 2]))
    (folder / "second.ndjson").write_bytes(b"".join(lines[len(lines) // 2 :]))
    return folder / "first.ndjson", folder / "second.ndjson"


def state(engine):
    """All that a restart must bring back."""
    return (
        encode_state(engine.processor.orders),
        engine.now,
        engine.next_alarm(),
        [one.id for one in engine.pending],
        engine.counters,
        {key: [one.incoming.id for one in parked] for key, parked in engine.correlator.parked.items()},
    )


def test_snapshot_and_tail_make_the_full_fold(tmp_path, halves):
    """Snapshot in the middle, blocks behind it; no snapshot at all; never stopped: one and the same state."""
    path = tmp_path / "journal.sqlite"
    live = engine_over(path, halves[0])
    live.snapshot()
    take(live, halves[1])
    live.journal.close()
    shutil.copy(path, tmp_path / "full.sqlite")
    tail = Engine(Journal(path), POLICY)
    bare = Journal(tmp_path / "full.sqlite")
    snapshot_position = bare.load_snapshot(live.shape)[1]
    bare.discard_snapshot()
    full = Engine(bare, POLICY)

    assert 0 < snapshot_position < bare.last_position()
    assert state(tail)[0] == state(full)[0]
    assert state(tail)[1:] == state(full)[1:]
    tail.journal.close()
    bare.close()


@pytest.mark.parametrize(
    "damage",
    [
        "SELECT 1",
        "UPDATE orders SET state = x'93010203'",
        "UPDATE orders SET state = x'ff'",
        "UPDATE meta SET value = x'c1' WHERE name = 'snapshot'",
    ],
    ids=["as it is", "of other fields", "not msgpack", "a marker that cannot be read"],
)
def test_a_snapshot_that_does_not_fit_is_thrown_away(tmp_path, halves, damage):
    """It is a cache: the journal brings the same orders back, whatever became of it."""
    path = tmp_path / "journal.sqlite"
    engine = engine_over(path, halves[0])
    engine.snapshot()
    expected = state(engine)[0]
    engine.journal._db.execute(damage)
    engine.journal.close()
    again = Engine(Journal(path), POLICY)

    assert state(again)[0] == expected
    again.journal.close()


def test_a_snapshot_of_another_shape_is_thrown_away(tmp_path, halves):
    """An upgrade that gave orders another field folds from the beginning."""
    engine = engine_over(tmp_path / "journal.sqlite", halves[0])
    engine.snapshot()
    before = engine.journal.load_snapshot(engine.shape)[1]
    other = engine.journal.load_snapshot("another shape")
    after = engine.journal.load_snapshot(engine.shape)
    engine.journal.close()

    assert before > 0
    assert other == after == ({}, 0, None)


# ---------------------------------------------------------------------------- a broken world


def test_a_full_disk_at_the_snapshot_is_a_problem_and_the_old_snapshot_stands(tmp_path, halves):
    """Not a traceback of SQLite; the next start uses what is there."""
    engine = engine_over(tmp_path / "journal.sqlite", halves[0])
    engine.snapshot()
    position = engine.journal.load_snapshot(engine.shape)[1]
    take(engine, halves[1])
    engine.journal._db.execute("PRAGMA query_only=ON")
    with pytest.raises(WorldProblem, match="journal-not-written"):
        engine.snapshot()
    engine.journal._db.execute("PRAGMA query_only=OFF")
    still = engine.journal.load_snapshot(engine.shape)[1]
    engine.journal.close()

    assert still == position > 0


@pytest.mark.parametrize(
    "obstacle", ["a file instead of the folder", "a folder instead of the file", "garbage"]
)
def test_a_place_that_cannot_be_written_is_named(tmp_path, obstacle):
    """WorldProblem with the place, the system's reason and a way out."""
    path = tmp_path / "data" / "journal.sqlite"
    if obstacle == "a file instead of the folder":
        (tmp_path / "data").write_text("")
    elif obstacle == "a folder instead of the file":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(WorldProblem) as caught:
        Journal(path)

    assert (caught.value.code, caught.value.where) == ("journal-unusable", str(path))
    assert caught.value.why
    assert caught.value.hint


def test_a_read_only_folder_is_a_problem(tmp_path):
    """The same, when it is a matter of rights."""
    folder = tmp_path / "data"
    folder.mkdir()
    for place in (*tmp_path.parents[:2], tmp_path):
        place.chmod(0o755)
    folder.chmod(0o555)
    child = os.fork()
    if child == 0:  # nothing of pytest may run in here
        code = 99
        try:
            if os.geteuid() == 0:
                os.setuid(65534)  # rights do not bind root
            Journal(folder / "journal.sqlite")
        except WorldProblem as problem:
            code = 3 if problem.code == "journal-unusable" else 98
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 3


def command(data, events, *more):
    return [
        *(sys.executable, "-m", "streams", "run", "--data", str(data), "--source", f"native={events}"),
        *("--clock", "history", "--until", "2026-03-20", "--json", *more),
    ]


def outcome_of(data):
    journal = Journal(data / "journal.sqlite")
    decisions = [(one.number, one.id, one.type, one.now) for one in journal.decisions()]
    journal.close()
    return decisions, {file.name: file.read_bytes() for file in (data / "mail" / "new").iterdir()}


def test_nothing_is_lost_when_the_disk_fills_up(tmp_path):
    """The run ends with exit code 3 and a reason; with room again it goes on and ends as if nothing had been."""
    orders = [one for number in range(20) for one in swapped(f"ORD-{number}", MONDAY + number * DAY / 10)]
    events = write(tmp_path / "events.ndjson", *in_time(*orders))
    calm = run_history(tmp_path / "calm", f"native={events}", until=MONDAY.replace(day=20, hour=0))
    ends = []
    for kilobytes in (120, 300):
        full = subprocess.run(
            command(tmp_path / "full", events),
            cwd=ROOT,
            capture_output=True,
            check=False,
            text=True,
            preexec_fn=lambda room=kilobytes: resource.setrlimit(resource.RLIMIT_FSIZE, (room * 1024,) * 2),
        )
        ends.append(full.returncode)
    last = subprocess.run(command(tmp_path / "full", events), cwd=ROOT, capture_output=True, check=True)
    decisions, mails = outcome_of(tmp_path / "full")

    assert ends == [3, 3]
    assert json.loads(last.stdout)["events"] == calm.summary.events
    assert decisions == [(one.number, one.id, one.type, one.now) for one in calm.decisions]
    assert mails == outcome_of(tmp_path / "calm")[1]
    assert len(mails) == 20


def test_what_a_run_has_confirmed_is_not_taken_again(tmp_path):
    """A second run over the same file takes nothing, and says the same."""
    events = write(tmp_path / "events.ndjson", placed("ORD-1"), *delivered_well("ORD-2"))
    first = run_history(tmp_path / "run", f"native={events}", until=MONDAY + 4 * DAY)
    second = run_history(tmp_path / "run", f"native={events}", until=MONDAY + 4 * DAY)

    assert second.summary.events == first.summary.events
    assert second.summary.events_per_second == 0
    assert [one.id for one in second.decisions] == [one.id for one in first.decisions]
