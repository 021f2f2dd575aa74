"""Rebuild: the decisions and the state of a history, made anew and written to files."""

from datetime import UTC, datetime

import msgspec
import pytest

from streams import sources
from streams.core.events import Decision
from streams.embedded.journal import Journal
from streams.ops.compare import compare
from streams.ops.recording import record
from streams.ops.replay.bookmark import Bookmark, Page
from streams.ops.replay.crew import Stop
from streams.ops.replay.rebuild import plain, public, rebuild
from streams.ops.replay.travel import Route
from streams.ops.stretch import Stretch
from streams.pipeline.shape import state_shape
from streams.problems import InputProblem, UsageProblem
from tests.embedded_runs import run_history
from tests.replay_rig import PLAN, Cut, fortnight, journal_of, policy_with

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The fortnight as one machine lived it."""
    return fortnight(tmp_path_factory.getbasetemp() / "fortnight")


LAPSED = "return_label.lapsed.v1"  # it repeats what the seller of the label called it


def rebuilt(history, path, stretch=None, *, jobs=1, stop=None, retold=False, until=None, keeps_state=False):
    """Rebuild into a file, as the command does; return the result, its decisions and its orders."""
    bookmark = Bookmark(path)
    route = Route(
        history=history,
        policy=policy_with(),
        stretch=stretch or Stretch(),
        bookmark=bookmark,
        keeps_state=keeps_state,
        retold=retold,
        until=until,
        save_every=0.01,
    )
    try:
        made = rebuild(
            route,
            tuple(history.extents()),
            jobs=jobs,
            report=lambda _moved: None,
            stop=stop or Stop(),
            writes=True,
            keeps_states=True,
        )
        return made, list(bookmark.lines()), list(bookmark.states())
    finally:
        bookmark.close()


def public_log(ran):
    """What the run wrote down then, as other systems see it."""
    return [public(one) + b"\n" for one in journal_of(ran).decided(0)]


def test_the_decisions_of_a_journal_are_made_anew_byte_for_byte(ran, tmp_path):
    """In the order in which they were made."""
    made, lines, _ = rebuilt(journal_of(ran), tmp_path / "out")

    assert lines == public_log(ran)
    assert made.decisions == sum(made.by_type.values()) == len(lines)


def test_the_state_of_a_journal_is_made_anew(ran, tmp_path):
    """Every order as the run left it, by the names of its fields, ordered by id."""
    _, _, states = rebuilt(journal_of(ran), tmp_path / "out")
    journal = Journal(ran.data / "journal.sqlite")
    orders, _, _ = journal.load_snapshot(state_shape())
    journal.close()

    assert len(orders) > 900
    assert states == [msgspec.json.encode(plain(orders[order_id])) + b"\n" for order_id in sorted(orders)]
    assert msgspec.json.decode(states[0])["order_id"] == min(orders)


@pytest.mark.parametrize("jobs", [1, 3])
def test_partitions_are_written_by_their_moments_in_any_number_of_processes(ran, tmp_path, jobs):
    """The same file, whoever was quicker."""
    _, lines, states = rebuilt(Cut(ran, 4), tmp_path / "out", jobs=jobs)
    times = [msgspec.json.decode(line)["time"] for line in lines]

    assert sorted(lines) == sorted(public_log(ran))
    assert times == sorted(times)
    assert states == rebuilt(Cut(ran, 4), tmp_path / "again")[2]
    assert lines == rebuilt(Cut(ran, 4), tmp_path / "third")[1]


def test_a_rebuild_that_was_stopped_writes_everything_once(ran, tmp_path):
    """Output lies in the bookmark until all of it is there."""
    stop = Stop()

    class Interrupted(Cut):
        def batches(self, partition, *, start=None):
            for batch in super().batches(partition, start=start):
                if partition == 1 and batch.position == 30:
                    stop.ask()
                yield batch

    assert rebuilt(Interrupted(ran, 2), tmp_path / "mark", stop=stop, keeps_state=True)[0] is None
    stop.asked = False
    made, lines, states = rebuilt(Cut(ran, 2), tmp_path / "mark", keeps_state=True)
    whole, expected_lines, expected_states = rebuilt(Cut(ran, 2), tmp_path / "whole")

    assert (lines, states) == (expected_lines, expected_states)
    assert made.by_type == whole.by_type


def test_of_one_order_everything_is_told(ran, tmp_path):
    """Its decisions as sentences, with who decides them, and its state."""
    order_id = next(one.fact.order_id for one in ran.decisions if one.type == "message.queued.v1")
    made, _, _ = rebuilt(journal_of(ran), tmp_path / "out", Stretch(orders=frozenset({order_id})))

    assert [(one.id, one.at) for one in made.told] == [
        (one.id, one.now) for one in ran.decisions if one.fact.order_id == order_id
    ]
    assert [state["order_id"] for state in made.states] == [order_id]


def test_a_source_that_was_never_run_decides_what_a_run_decides(ran, tmp_path):
    """Time passes by itself and every effect works; outcomes alone say other things than those of the relay."""
    native = sources.discover()["native"]
    recording = record(native, str(ran.data.parent / "shop" / "events.ndjson"), partitions=1)
    _, lines, _ = rebuilt(recording, tmp_path / "out", retold=True, until=PLAN.until)
    recording.close()
    then = {public(one) + b"\n" for one in journal_of(ran).decided(0) if is_made(one) and one.type != LAPSED}

    assert len(then) > 200
    assert [line for line in lines if b'"type":"message.queued' in line] != []
    assert then - set(lines) == set()
    assert {msgspec.json.decode(line)["id"] for line in lines} >= {
        msgspec.json.decode(line)["id"] for line in then
    }


def test_a_source_runs_on_through_silence(ran, tmp_path):
    """Half of the events, and then nothing comes: whoever waits is told what a run tells them."""
    lines = (ran.data.parent / "shop" / "events.ndjson").read_bytes().splitlines(keepends=True)
    (tmp_path / "half.ndjson").write_bytes(b"".join(lines[: len(lines) // 2]))
    half = run_history(tmp_path / "half", f"native={tmp_path / 'half.ndjson'}", until=PLAN.until)
    native = sources.discover()["native"]
    recording = record(native, str(tmp_path / "half.ndjson"), partitions=1)
    last = recording.ended
    _, told, _ = rebuilt(recording, tmp_path / "out", retold=True, until=PLAN.until)
    recording.close()
    silent = {
        public(one) + b"\n"
        for one in journal_of(half).decided(0)
        if is_made(one) and one.type != LAPSED and one.now > last
    }

    assert len(silent) > 50
    assert silent - set(told) == set()


def test_output_that_no_page_stands_for_is_taken_back(tmp_path):
    """What comes behind a partition's end is written anew by whoever goes on."""
    bookmark = Bookmark(tmp_path / "mark")
    page = Page(position=4, now=None, events=9, letters={}, kept=b"")
    bookmark.save(0, page, (), [(NOON, b"one\n"), (NOON, b"two\n")])
    bookmark.put_lines(0, [(NOON, b"behind the end\n")])
    bookmark.put_lines(1, [(NOON, b"of another\n")])

    assert bookmark.page(0).lines == 2
    assert list(bookmark.lines()) == [b"one\n", b"two\n", b"of another\n"]
    bookmark.close()


def is_made(one):
    return isinstance(one.fact, Decision) and one.id == one.fact.decision_id


# ---------------------------------------------------------------------------- two logs side by side


def test_two_logs_that_say_the_same(ran, tmp_path):
    """A file and a folder, whatever the order of what came at one moment in different orders."""
    _, lines, _ = rebuilt(Cut(ran, 4), tmp_path / "out")
    (tmp_path / "log.ndjson").write_bytes(b"".join(lines))
    found = compare(tmp_path / "log.ndjson", ran.data)

    assert found.differences == ()
    assert found.tally.same == len(ran.decisions)


def test_two_logs_that_differ(ran, tmp_path):
    """What only one of them has, and what both have with other words, order by order."""
    lines = public_log(ran)
    mail = next(at for at, line in enumerate(lines) if b"message.queued" in line)
    opened = [at for at, line in enumerate(lines) if b"exception.opened" in line]
    missing, worse = opened[5], opened[-1]
    changed = list(lines)
    changed[worse] = changed[worse].replace(b'"severity":"', b'"severity":"severe","was":"')
    changed[mail] += changed[mail]  # told twice: a log that a worker wrote after its death
    del changed[missing]
    (tmp_path / "changed.ndjson").write_bytes(b"".join(changed))
    found = compare(ran.data, tmp_path / "changed.ndjson")

    by_order = {one.order_id: one for one in found.differences}
    gone = by_order[msgspec.json.decode(lines[missing])["subject"]]
    other = by_order[msgspec.json.decode(lines[worse])["subject"]]
    assert len(by_order) == found.tally.orders == 2
    assert (gone.how, gone.then.type, gone.only_then) == ("gone", "exception.opened.v1", 1)
    assert (other.how, [change.field for change in other.changes]) == ("changed", ["severity"])
    assert (found.tally.changed, found.tally.only_then, found.tally.only_today) == (1, 1, 0)


def test_the_limit_hides_nothing_from_the_counts(ran, tmp_path):
    """An empty log against a whole one."""
    (tmp_path / "empty.ndjson").write_bytes(b"")
    found = compare(ran.data, tmp_path / "empty.ndjson", limit=3)

    assert len(found.differences) == 3
    assert found.tally.only_then == len(ran.decisions)
    assert found.tally.orders > 50


@pytest.mark.parametrize("line", [b"{}", b'{"specversion":"1.0"', b"\xff\xfe"])
def test_a_line_that_is_no_decision_is_named(ran, tmp_path, line):
    """With its place."""
    path = tmp_path / "log.ndjson"
    path.write_bytes(public_log(ran)[0] + line + b"\n")
    with pytest.raises(InputProblem) as raised:
        compare(path, path)

    assert (raised.value.code, raised.value.where) == ("decision-log-unreadable", f"{path}:2")


def test_events_are_no_decisions(ran, tmp_path):
    """A source's own file instead of a log is the commonest mistake."""
    with pytest.raises(InputProblem) as raised:
        compare(ran.data.parent / "shop" / "events.ndjson", ran.data)

    assert "neither a decision nor an outcome" in raised.value.why
    with pytest.raises(UsageProblem) as missing:
        compare(tmp_path / "nowhere", ran.data)
    assert missing.value.code == "log-not-found"
