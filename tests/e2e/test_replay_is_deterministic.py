"""A simulated shop's week, run again and again: the same decisions and the same mails, byte for byte."""

from datetime import timedelta

import msgspec
import pytest

from streams.codec.envelope import encode_envelope
from streams.core.events import Event
from streams.simulate.plan import Plan
from streams.simulate.score import read_truth, score
from streams.simulate.shop import write
from tests.embedded_runs import run_history

ORDERS = 300


class Week:
    """A simulated week on disk, and its truth."""

    def __init__(self, folder, plan):
        written = write(plan, folder)
        self.events = written.events
        self.truth = read_truth(written.truth)
        self.lines = written.events.read_bytes().splitlines(keepends=True)


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    return Week(tmp_path_factory.mktemp("week"), Plan(orders=ORDERS))


@pytest.fixture(scope="module")
def once(week, tmp_path_factory):
    return run_history(tmp_path_factory.mktemp("once"), f"native={week.events}", until=week.truth.until)


def log(run):
    """The public decision log, line by line."""
    return [
        encode_envelope(
            Event(
                id=one.id,
                source="firstword",
                order_id=one.fact.order_id,
                occurred_at=one.now,
                recorded_at=one.now,
                fact=one.fact,
            )
        )
        for one in run.decisions
    ]


def mailbox(run):
    return {file.name: file.read_bytes() for file in (run.data / "mail" / "new").iterdir()}


def test_two_runs_are_one(week, once, tmp_path):
    """Identical decision logs, in the same order, and byte-identical mails."""
    twice = run_history(tmp_path / "twice", f"native={week.events}", until=week.truth.until)

    assert len(once.decisions) > ORDERS / 4
    assert log(twice) == log(once)
    assert mailbox(twice) == mailbox(once)
    assert len(mailbox(once)) > 10


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_two_halves_are_one(week, once, tmp_path, share):
    """The file is cut somewhere and the second run goes on: as if it had been read in one go."""
    path = tmp_path / "events.ndjson"
    cut = int(len(week.lines) * share)
    path.write_bytes(b"".join(week.lines[:cut]))
    # The first run ends with the last line that it read, not in the silence behind it.
    last = max(msgspec.json.decode(line)["time"] for line in week.lines[:cut])
    until = msgspec.convert(last, type=type(week.truth.until)) - timedelta(days=1)
    run_history(tmp_path / "run", f"native={path}", until=until)
    path.write_bytes(b"".join(week.lines))
    resumed = run_history(tmp_path / "run", f"native={path}", until=week.truth.until)

    assert log(resumed) == log(once)
    assert mailbox(resumed) == mailbox(once)
    assert resumed.summary.events == once.summary.events


def test_the_whole_file_again_decides_nothing(week, once, tmp_path):
    """Every event a second time: duplicates, and not one decision or mail more."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(week.lines))
    first = run_history(tmp_path / "run", f"native={path}", until=week.truth.until)
    path.write_bytes(b"".join(week.lines * 2))
    again = run_history(tmp_path / "run", f"native={path}", until=week.truth.until)
    more = again.summary.events["duplicates"] - first.summary.events["duplicates"]
    buried = again.summary.events["dead_letters"] - first.summary.events["dead_letters"]
    parked = again.summary.events["parked"] - first.summary.events["parked"]

    assert log(again) == log(first) == log(once)
    assert mailbox(again) == mailbox(once)
    # Scans of parcels that nobody knows are no orders', and wait anew.
    assert more + buried + parked == len(week.lines)
    assert again.summary.events["folded"] == first.summary.events["folded"]


def test_a_file_of_duplicates_in_one_run_decides_the_same(week, once, tmp_path):
    """Each line three times in a row: the decisions of one."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(line * 3 for line in week.lines))
    run = run_history(tmp_path / "run", f"native={path}", until=week.truth.until)

    assert log(run) == log(once)
    assert mailbox(run) == mailbox(once)


@pytest.mark.parametrize("seed", range(1, 7))
def test_every_planted_fault_is_told_once_and_nothing_else(tmp_path, seed):
    """Whatever the world: none missed, none repeated, no false alarm, everything made good."""
    world = Week(tmp_path / "world", Plan(seed=seed, orders=ORDERS))
    run = run_history(tmp_path / "run", f"native={world.events}", until=world.truth.until)
    judged = score(world.truth, map(msgspec.json.decode, log(run)))
    planted = [kind for order in world.truth.orders for kind in order.must_tell]

    assert sorted(telling.kind for telling in judged.tellings) == sorted(planted)
    assert [telling.times for telling in judged.tellings] == [1] * len(planted)
    assert judged.false_alarms == ()
    assert judged.perfect, judged.lines()
    assert len(planted) >= 15
