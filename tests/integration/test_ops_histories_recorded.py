"""Sources that were never journaled, recorded as a run of the whole product would have journaled them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from streams import sources
from streams.codec.blocks import decode_entries
from streams.ops.log_file import JournalFile
from streams.ops.opening import open_history
from streams.ops.recording import record, record_all
from streams.problems import InputProblem, UsageProblem
from streams.settings import load
from streams.simulate.plan import Noise, Plan
from streams.simulate.shop import write as simulate
from tests.embedded_runs import ROOT, run_history
from tests.history_rig import TAKEN_OUT
from tests.ndjson import DAY, HOUR, MONDAY, delivered_well, placed, scan, shipped, write

NATIVE = sources.discover()["native"]
CSV = sources.discover()["csv_history"]
SAMPLE = ROOT / "streams" / "sources" / "csv_history" / "samples" / "published"
UNTIDY = Noise(duplicate=0.1, delayed=0.2, early_scan=0.2, stranger=0.02)
COUNTS = ("in", "folded", "duplicates", "dead_letters", "ignored")


def entries(history):
    """Everything that a history holds, partition by partition."""
    return [
        entry
        for extent in history.extents()
        for batch in history.batches(extent.partition)
        for entry in decode_entries(batch.block)
    ]


def heard(data):
    """What a run's journal holds of its sources."""
    return [one for one in entries(JournalFile(data / "journal.sqlite")) if one.source not in TAKEN_OUT]


def counted(recording):
    """The counts, as far as an engine counts the same."""
    return {name: recording.counts[name] for name in COUNTS}


def test_an_untidy_world_is_recorded_as_a_run_journals_it(tmp_path):
    """Late, early, doubled and strange: the same entries at the same moments in the same order, and the same counts."""
    plan = Plan(orders=80, days=12, seed=3, noise=UNTIDY)
    events = simulate(plan, tmp_path / "shop").events
    ran = run_history(tmp_path / "run", f"native={events}", until=plan.until)
    recording = record(NATIVE, str(events), partitions=1, until=plan.until)
    told = entries(recording)
    recording.close()

    assert told == heard(ran.data)
    assert counted(recording) == {name: ran.summary.events[name] for name in COUNTS}
    assert recording.counts["duplicates"] > 10
    assert recording.counts["dead_letters"] > 0


def test_several_sources_are_merged_as_a_run_merges_them(tmp_path):
    """By the time up to which each has come; a label in one file is known to a scan in another."""
    orders = [delivered_well(f"ORD-{number}", MONDAY + number * HOUR) for number in range(30)]
    shop = write(tmp_path / "shop.ndjson", *(one for order in orders for one in order[:2]))
    carrier = write(tmp_path / "carrier.ndjson", *(one for order in orders for one in order[2:]))
    feeds = [f"native={shop}", f"native={carrier}", f"csv_history={SAMPLE}"]
    ran = run_history(tmp_path / "run", *feeds)
    pairs = [(NATIVE, str(shop)), (NATIVE, str(carrier)), (CSV, str(SAMPLE))]
    recording = record_all(pairs, name="all", partitions=1)
    told = entries(recording)
    recording.close()

    assert told == heard(ran.data)
    assert {one.source for one in told} >= {"shop/us", "carrier/usual"}


def test_everything_that_came_in_is_accounted_for(tmp_path):
    """Folded, doubled, waiting or refused: nothing is counted twice, and nothing is lost."""
    path = write(
        tmp_path / "events.ndjson",
        placed("ORD-1"),
        placed("ORD-1"),
        b"no event",
        scan("early", "in_transit", MONDAY + HOUR, "1ZORD-1"),
        scan("early", "in_transit", MONDAY + HOUR, "1ZORD-1"),
        scan("nobody's", "in_transit", MONDAY + HOUR, "1Z-STRANGER"),
        shipped("ORD-1", MONDAY + 2 * HOUR),
        scan("unkeyed", "in_transit", MONDAY + 3 * HOUR, "---"),
        placed("ORD-2", MONDAY + 5 * DAY),
        scan("waiting", "in_transit", MONDAY + 5 * DAY, "1Z-LATER"),
    )
    recording = record(NATIVE, str(path), partitions=4)
    told = sorted(one.id for one in entries(recording))
    recording.close()

    assert told == ["ORD-1-labelled", "ORD-1-placed", "ORD-1-placed", "ORD-2-placed", "early"]
    assert dict(recording.counts) == {
        "in": 10,
        "folded": 4,
        "duplicates": 2,
        "dead_letters": 3,
        "parked": 1,
    }
    assert recording.refused.keys() == {"tracking-number-unclaimed", "order-unknown", "json-malformed"}
    assert (recording.began, recording.ended) == (MONDAY, MONDAY + 5 * DAY)


def test_a_clock_that_ran_ahead_drags_nobody_along(tmp_path):
    """As in a run: a leap that the records behind it know nothing of is refused."""
    days = [placed(f"ORD-{day}", MONDAY + day * DAY) for day in range(8)]
    days[2] = placed("ORD-2", MONDAY.replace(year=2081))
    recording = record(NATIVE, str(write(tmp_path / "events.ndjson", *days)), partitions=2)
    recording.close()

    assert recording.refused == {"time-ahead": 1}
    assert recording.ended == MONDAY + 7 * DAY


def test_until_leaves_out_what_came_later(tmp_path):
    """And ends the patience with what waits."""
    path = write(
        tmp_path / "events.ndjson",
        placed("ORD-1"),
        scan("nobody's", "in_transit", MONDAY + HOUR, "1Z-STRANGER"),
        placed("ORD-2", MONDAY + DAY),
        placed("ORD-3", MONDAY + DAY + HOUR),
    )
    soon = record(NATIVE, str(path), partitions=1, until=MONDAY + DAY)
    later = record(NATIVE, str(path), partitions=1, until=MONDAY + 9 * DAY)
    ids = [[one.order_id for one in entries(history)] for history in (soon, later)]
    soon.close()
    later.close()

    assert ids == [["ORD-1", "ORD-2"], ["ORD-1", "ORD-2", "ORD-3"]]
    assert (soon.counts["parked"], soon.counts["dead_letters"]) == (1, 0)
    assert (later.counts["parked"], later.counts["dead_letters"]) == (0, 1)


def test_progress_hears_of_every_record(tmp_path):
    """For a bar that moves."""
    path = write(tmp_path / "events.ndjson", *delivered_well("ORD-1"), b"no event")
    moved = []
    record(NATIVE, str(path), partitions=1, progress=moved.append).close()

    assert sum(moved) == 5


def test_nothing_of_a_recording_is_left_on_the_disk(tmp_path, monkeypatch):
    """Its file has no name from the beginning, so that a killed process leaves nothing either."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    recording = record(NATIVE, str(write(tmp_path / "e.ndjson", *delivered_well("ORD-1"))), partitions=2)
    while_open = list(scratch.iterdir())
    told = len(entries(recording))
    recording.close()

    assert (while_open, told) == ([], 4)


def test_processes_read_a_recording_at_the_same_time(tmp_path):
    """Children of a fork share the open file, and none of them moves it under another."""
    path = write(tmp_path / "e.ndjson", *(placed(f"ORD-{number}") for number in range(4000)))
    recording = record(NATIVE, str(path), partitions=2)
    expected = [list(recording.batches(partition)) for partition in range(2)]
    fork = multiprocessing.get_context("fork")
    wrong = fork.SimpleQueue()

    def read(partition):
        wrong.put(sum(list(recording.batches(partition)) != expected[partition] for _ in range(200)))

    children = [fork.Process(target=read, args=(partition,)) for partition in (0, 1, 0, 1)]
    for child in children:
        child.start()
    found = [wrong.get() for _ in children]
    for child in children:
        child.join()
    recording.close()

    assert found == [0, 0, 0, 0]


FULL = """
import resource, signal, sys
from streams import sources
from streams.ops.recording import record
from streams.problems import WorldProblem
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    record(sources.discover()["native"], sys.argv[1], partitions=1)
except WorldProblem as problem:
    print(problem.code)
"""


def test_a_full_disk_is_a_problem(tmp_path):
    """Not half a history."""
    path = write(tmp_path / "e.ndjson", *(placed(f"ORD-{number}") for number in range(100)))

    assert run(FULL, path) == "recording-failed\n"


# ---------------------------------------------------------------------------- opening


def test_the_data_folder_is_opened_by_name_or_by_setting(tmp_path):
    """With nothing named, it is the folder of the settings."""
    run_history(tmp_path, f"native={write(tmp_path / 'e.ndjson', *delivered_well('ORD-1'))}")
    named = open_history(data=tmp_path, kafka=False, sources=(), settings=load({}))
    by_setting = open_history(data=None, kafka=False, sources=(), settings=load({}, data=tmp_path))

    assert named.name == by_setting.name == str(tmp_path / "journal.sqlite")
    assert len(entries(named)) >= 4


def test_sources_are_recorded_into_the_partitions_of_the_settings(tmp_path):
    """Two files, each by its source; the history is called as it was asked for."""
    orders = write(tmp_path / "e.ndjson", *delivered_well("ORD-1"))
    texts = (str(orders), f"csv_history={SAMPLE}")
    history = open_history(data=None, kafka=False, sources=texts, settings=load({}, partitions=5))
    told = entries(history)
    history.close()

    assert len(history.extents()) == 5
    assert {one.order_id for one in told} > {"ORD-1"}
    assert history.name == " ".join(texts)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"data": "folder", "kafka": True}, "history-twice"),
        ({"data": "folder", "sources": ("e.ndjson",)}, "history-twice"),
        ({"kafka": True, "sources": ("e.ndjson",)}, "history-twice"),
        ({"data": "folder"}, "data-not-found"),
        ({"sources": ("nobody=e.ndjson",)}, "plugin-unknown"),
        ({"sources": ("missing.ndjson",)}, "source-not-found"),
        ({"sources": (__file__, __file__)}, "source-twice"),
        ({"sources": ("nobody=topic:orders",)}, "plugin-unknown"),
    ],
)
def test_what_cannot_be_opened_is_said_with_the_way_out(asked, code, tmp_path):
    """Before anything is read."""
    named = {"data": None, "kafka": False, "sources": (), **asked}
    if named["data"] is not None:
        named["data"] = tmp_path / named["data"]
    with pytest.raises((UsageProblem, InputProblem)) as caught:
        open_history(**named, settings=load({}))

    assert caught.value.code == code


NOBODY_ANSWERS = """
import threading
from streams.ops import brokers
from streams.ops.opening import open_history
from streams.problems import WorldProblem
from streams.settings import load
brokers._ANSWER_WITHIN = 500
for kafka, sources in (True, ()), (False, ("native=topic:orders",)):
    try:
        open_history(data=None, kafka=kafka, sources=sources, settings=load({}, kafka="127.0.0.1:1"))
    except WorldProblem as problem:
        print(problem.code, problem.where, threading.active_count())
"""


def test_brokers_that_are_not_there_are_a_problem():
    """Within seconds, with where they were looked for; nobody goes on looking."""
    assert run(NOBODY_ANSWERS) == "kafka-unreachable 127.0.0.1:1 1\n" * 2


def run(program, *arguments):
    """What a program says in a process of its own, which complains of nothing."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("FIRSTWORD_")}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


OPEN = """
import sys
from pathlib import Path
from streams.ops.opening import open_history
from streams.ops.stretch import parse
from streams.settings import load
for named in ({"data": Path(sys.argv[1])}, {"sources": (sys.argv[2], "csv_history=" + sys.argv[3])}):
    history = open_history(**({"data": None, "kafka": False, "sources": (), "settings": load({})} | named))
    for extent in history.extents():
        list(history.batches(extent.partition)), list(history.decided(extent.partition))
    history.close()
ways_out = ("streams.mail", "streams.labels", "streams.desks", "streams.service.effects", "streams.wiring")
heavy = ("kafka", "aiokafka", "faust", "sqlalchemy", "aiohttp", "jinja2")
print([name for name in sys.modules if name in heavy or name.startswith(ways_out)])
"""


def test_who_reads_a_history_of_files_loads_no_way_out(tmp_path):
    """No mail, label or desk, and neither Kafka nor a database: what is not there cannot be used."""
    events = write(tmp_path / "e.ndjson", *delivered_well("ORD-1"))
    run_history(tmp_path, f"native={events}")

    assert run(OPEN, tmp_path, events, SAMPLE) == "[]\n"


def test_a_history_of_a_source_holds_its_own_time(tmp_path):
    """Tables of years ago are recorded at the time of their events."""
    recording = record(CSV, str(SAMPLE), partitions=2)
    recording.close()

    assert recording.ended is not None
    assert recording.ended < datetime(2020, 1, 1, tzinfo=UTC)
