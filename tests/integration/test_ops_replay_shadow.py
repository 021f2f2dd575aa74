"""Shadow replay: a history against its own decisions, and against what a changed policy makes of it."""

import os
import sqlite3
import time
from datetime import timedelta

import msgspec
import pytest

from streams.core import events as facts
from streams.ops.replay.bookmark import Bookmark
from streams.ops.replay.crew import Stop
from streams.ops.replay.shadow import shadow
from streams.ops.replay.travel import Route
from streams.ops.stretch import Span, Stretch
from streams.problems import UsageProblem, WorldProblem
from tests.embedded_runs import run_history
from tests.replay_rig import PLAN, Cut, entries_of, fortnight, journal_of, policy_with, shadowed

SEVERE = {"detect__late_delivery__severe_days": "4"}  # one line; the standard policy says 7


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The fortnight as one machine lived it."""
    return fortnight(tmp_path_factory.getbasetemp() / "fortnight")


def totals(found):
    """What a shadow replay counted, without its way there."""
    return msgspec.json.encode((found.tally, found.differences), order="deterministic")


# ---------------------------------------------------------------------------- nothing has changed


def test_an_unchanged_history_decides_the_same(ran):
    """Every decision and outcome of then is made again, at its moment, byte for byte, and no other."""
    found = shadowed(journal_of(ran))

    assert (found.tally.changed, found.tally.only_then, found.tally.only_today) == (0, 0, 0)
    assert found.differences == ()
    assert found.tally.same == found.recorded == len(ran.decisions) > 200
    assert (found.beyond, found.unwritten) == (0, 0)


def test_a_run_that_was_stopped_and_went_on_decides_the_same(ran, tmp_path):
    """What a snapshot begins with is what a fold from the beginning comes to."""
    source = f"native={ran.data.parent / 'shop' / 'events.ndjson'}"
    starts = [one.now for one in ran.decisions]
    for until in (starts[len(starts) // 3], starts[len(starts) // 2], PLAN.until):
        again = run_history(tmp_path / "run", source, until=until)
    found = shadowed(journal_of(again))

    assert found.differences == ()
    assert found.tally.same == len(again.decisions) == len(ran.decisions)


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_partitions_decide_the_same_in_any_number_of_processes(ran, jobs):
    """News of a replacement that one partition decides and another writes down is no difference."""
    cut = Cut(ran, 5)
    found = shadowed(cut, jobs=jobs)

    assert found.differences == ()
    assert found.tally.same == len(ran.decisions)
    split = [
        one
        for partition, decisions in enumerate(cut.decisions)
        for one in decisions
        if isinstance(one.fact, facts.ReplacementProgressed) and one.id == one.fact.decision_id
    ]
    assert len(split) > 10, "the history must hold what is decided in one place and written in another"


def test_a_decision_that_somebody_lost_is_found(ran):
    """One decision taken out of the record is the one difference, and it is told which."""
    cut = Cut(ran, 3)
    lost = next(one for one in cut.decisions[1] if isinstance(one.fact, facts.MessageQueued))
    cut.decisions[1].remove(lost)
    found = shadowed(cut, jobs=2)

    (difference,) = found.differences
    assert (difference.order_id, difference.how) == (lost.order_id, "new")
    assert (difference.today.id, difference.today.at, difference.then) == (lost.id, lost.now, None)
    assert (found.tally.only_today, found.tally.only_then, found.tally.changed) == (1, 0, 0)


def test_news_of_a_replacement_that_is_lost_is_found_across_partitions(ran):
    """What one partition decides and another one should have written down."""
    cut = Cut(ran, 4)
    place, lost = next(
        (decisions, one)
        for decisions in cut.decisions
        for one in decisions
        if isinstance(one.fact, facts.ReplacementProgressed) and one.id == one.fact.decision_id
    )
    place.remove(lost)
    found = shadowed(cut, jobs=2)

    assert [(one.order_id, one.today.id) for one in found.differences] == [
        (lost.fact.replacement_order_id, lost.id)
    ]


# ---------------------------------------------------------------------------- the policy has changed


def test_one_line_of_policy_changes_exactly_the_expected_decisions(ran):
    """Thirty days to keep the article instead of 45: each label request and each mail that names the day, no more."""
    found = shadowed(journal_of(ran), policy_with(returns__keep_days="30"))
    requests = [one.fact for one in ran.decisions if isinstance(one.fact, facts.ReturnLabelRequested)]
    letters = [one.fact for one in ran.decisions if getattr(one.fact, "letter", None) is not None]
    naming = [fact for fact in letters if fact.letter.keep_after is not None]

    assert len(requests) > 3
    assert {one.order_id for one in found.differences} == {fact.order_id for fact in requests}
    lapsed = [one for one in ran.decisions if isinstance(one.fact, facts.ReturnLabelLapsed)]
    assert found.tally.changed == len(requests) + len(naming) + len(lapsed)  # these end on another day
    assert (found.tally.only_then, found.tally.only_today) == (0, 0)
    keep_after = {fact.order_id: fact.keep_after for fact in requests}
    for one in found.differences:
        (change,) = one.changes
        assert (one.how, one.today.by) == ("changed", "remedy return_label")
        assert (change.field, change.then) == ("keep_after", keep_after[one.order_id].isoformat())
        assert change.today == (keep_after[one.order_id] - timedelta(days=15)).isoformat()


def test_a_threshold_changes_what_its_detector_says_first(ran):
    """Severe after four days instead of seven: whatever else follows, the detector's own word is the first."""
    found = shadowed(journal_of(ran), policy_with(**SEVERE))

    assert len(found.differences) > 5
    assert {(one.today or one.then).by for one in found.differences} == {"detector late_delivery"}
    worse = [change for one in found.differences for change in one.changes if change.field == "severity"]
    assert {change.today for change in worse} == {"severe"}
    assert found.policy_says == {"detect.late_delivery.severe_days": "4 (--set)"}


def test_a_message_that_is_told_no_more_is_the_only_thing_gone(ran):
    """A response without a message: each of its mails, held or queued, is gone, with what came of it."""
    found = shadowed(journal_of(ran), policy_with(respond__late_delivery__message="none"))

    gone = {
        one.fact.order_id
        for one in ran.decisions
        if getattr(one.fact, "template", None) == "late_delivery" and isinstance(one.fact, facts.Decision)
    }
    assert gone <= {one.order_id for one in found.differences}
    then, today = found.tally.by_type["message.queued.v1"]
    assert today < then


def test_the_same_differences_in_any_number_of_processes(ran):
    """What a policy changes does not depend on how many fold."""
    cut, policy = Cut(ran, 4), policy_with(**SEVERE)

    assert totals(shadowed(cut, policy, jobs=1)) == totals(shadowed(cut, policy, jobs=3))


def test_nobody_is_named_in_a_difference(ran):
    """Names and addresses in letters differ or not; they are never shown."""
    found = shadowed(journal_of(ran), policy_with(notify__window="0s", respond__at_risk__message="none"))
    said = msgspec.json.encode(found.differences).decode()

    addresses = {
        one.fact.letter.to
        for one in ran.decisions
        if isinstance(one.fact, facts.MessageQueued) and one.fact.letter is not None
    }
    assert found.differences
    assert [address for address in addresses if address in said] == []


# ---------------------------------------------------------------------------- a part of it


def test_of_one_order_only_its_events_are_folded(ran):
    """An order's story is the same, alone or among all others."""
    policy = policy_with(**SEVERE)
    whole = shadowed(journal_of(ran), policy)
    one = whole.differences[3]
    alone = shadowed(journal_of(ran), policy, Stretch(orders=frozenset({one.order_id})))

    assert alone.differences == (one,)
    assert alone.came[0].orders == 1
    assert alone.came[0].events < whole.came[0].events


def test_only_what_falls_into_the_time_is_told(ran):
    """Orders whose stories part in the stretch are told as in a whole replay, and no others."""
    policy = policy_with(**SEVERE)
    whole = shadowed(journal_of(ran), policy).differences
    since, until = whole[2].at, whole[-3].at
    found = shadowed(journal_of(ran), policy, Stretch(since=since, until=until))

    assert [one.order_id for one in found.differences] == [
        one.order_id for one in whole if since <= one.at < until
    ]
    assert found.tally.earlier >= 2


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_range_of_positions_of_an_unchanged_history_has_no_difference(ran, share):
    """What was decided then has no position, and blocks that share a moment are not torn apart."""
    history = Cut(ran, 2)
    middle = int(len(history.blocks[1]) * share)
    for last in range(middle, middle + 12):
        found = shadowed(history, None, Stretch(spans=(Span(partition=1, first=middle - 4, last=last),)))

        assert found.differences == ()
        assert [came.partition for came in found.came] == [1]
        assert found.tally.earlier == 0


def test_a_range_may_end_in_the_middle_of_a_moment(ran):
    """An event and what came of it share a moment, and here no block: what was decided then finds its twin."""
    history = Cut(ran, 1, size=1)
    answers = [at for at, entry in enumerate(entries_of(ran)) if entry.source == "firstword/effects"]
    for answer in answers[:40:5]:
        found = shadowed(history, None, Stretch(spans=(Span(partition=0, first=0, last=answer - 1),)))

        assert (found.differences, found.tally.earlier) == ((), 0)


# ---------------------------------------------------------------------------- what is broken, late or missing


def test_a_history_that_was_never_run_has_nothing_to_compare_with(ran):
    """It would look like a policy that decides everything anew."""
    cut = Cut(ran, 2)
    cut.decisions = [[], []]
    with pytest.raises(UsageProblem) as raised:
        shadowed(cut)

    assert raised.value.code == "shadow-without-decisions"


def test_a_block_that_is_damaged_is_counted_and_the_rest_is_folded(ran):
    """As in the service: set aside with its place."""
    cut = Cut(ran, 2)
    cut.blocks[1][5] = cut.blocks[1][5][:40]
    found = shadowed(cut, jobs=2)

    came = found.came[1]
    assert came.letters["block-corrupt"] == 1
    assert came.examples[0].startswith("journal[1]@5: block-corrupt")
    assert came.position == len(cut.blocks[1]) - 1


def test_a_fold_that_is_behind_is_named(ran):
    """Decisions of today behind the last that was written down then are counted for themselves."""
    cut = Cut(ran, 1)
    end = cut.decisions[0][-40].now
    behind = [one for one in cut.decisions[0] if one.now >= end]
    cut.decisions[0] = [one for one in cut.decisions[0] if one.now < end]
    found = shadowed(cut)

    assert found.unwritten == found.tally.only_today == len(behind)


def test_what_was_decided_behind_the_end_is_no_difference(ran):
    """A topic moves on: decisions of later blocks are counted, and not missed."""
    cut = Cut(ran, 1)
    last = cut.decisions[0][-1]
    later = msgspec.structs.replace(last, id="dec_later", now=cut.decisions[0][-1].now + timedelta(days=90))
    cut.decisions[0].append(later)
    found = shadowed(cut)

    assert (found.differences, found.beyond) == ((), 1)


def test_a_problem_of_one_partition_ends_the_replay_and_leaves_no_process(ran):
    """Its code and its place come out as they were."""

    class Torn(Cut):
        def batches(self, partition, *, start=None):
            for batch in super().batches(partition, start=start):
                if partition == 1 and batch.position == 3:
                    raise WorldProblem("journal-unreadable", "torn", where="journal[1]@3")
                yield batch

    with pytest.raises(WorldProblem) as raised:
        shadowed(Torn(ran, 3), jobs=3)

    assert (raised.value.code, raised.value.where) == ("journal-unreadable", "journal[1]@3")


def test_a_process_that_dies_is_a_problem(ran):
    """Half of the history must not look like all of it."""

    class Deadly(Cut):
        def batches(self, partition, *, start=None):
            for batch in super().batches(partition, start=start):
                if partition == 1 and batch.position == 3:
                    os._exit(9)
                yield batch

    with pytest.raises(WorldProblem) as raised:
        shadowed(Deadly(ran, 3), jobs=2)

    assert raised.value.code == "replay-process-died"


# ---------------------------------------------------------------------------- stopping and going on


def test_a_stop_reaches_every_process(ran):
    """The parent is told, and tells its children, who would go on for ever."""
    stop = Stop()

    class Endless(Cut):
        def batches(self, partition, *, start=None):
            (batch, *_) = super().batches(partition, start=start)
            while time.monotonic() < deadline:
                yield batch

    deadline = time.monotonic() + 30
    policy = policy_with()
    route = Route(history=Endless(ran, 3), policy=policy, stretch=Stretch())
    extents = tuple(route.history.extents())
    found = shadow(route, extents, jobs=3, report=lambda _moved: stop.ask(), stop=stop)

    assert found is None
    assert time.monotonic() < deadline - 15


class Interrupted(Cut):
    """A history in which something happens at one block, once."""

    def __init__(self, ran, count, at, act):
        super().__init__(ran, count)
        self.at = at
        self.act = act
        self.read = []

    def batches(self, partition, *, start=None):
        for batch in super().batches(partition, start=start):
            if self.act is not None and batch.position == self.at:
                act, self.act = self.act, None
                act()
            self.read.append(batch.position)
            yield batch


def resumed(history, policy, path, *, stop=None, every=20.0):
    """Replay with a bookmark, as the command does."""
    bookmark = Bookmark(path)
    try:
        bookmark.begin({"policy": policy.version}, history.extents())
        return shadowed(history, policy, bookmark=bookmark, keeps_state=True, stop=stop, save_every=every)
    finally:
        bookmark.close()


def test_a_replay_that_was_stopped_goes_on_and_says_the_same(ran, tmp_path):
    """What was folded is not folded again, and nothing is missing or told twice."""
    policy, stop = policy_with(**SEVERE), Stop()
    history = Interrupted(ran, 1, 40, stop.ask)
    assert resumed(history, policy, tmp_path / "mark", stop=stop) is None
    history.read = []
    found = resumed(history, policy, tmp_path / "mark")

    assert history.read[0] == 41
    whole = shadowed(Cut(ran, 1), policy)
    assert totals(found) == totals(whole)
    assert found.recorded == whole.recorded
    assert found.came[0].events == whole.came[0].events


def test_a_replay_that_was_killed_goes_on_from_its_last_bookmark(ran, tmp_path):
    """What came behind the bookmark is folded again, and told once."""
    policy = policy_with(**SEVERE)

    def die():
        raise MemoryError

    history = Interrupted(ran, 1, 40, die)
    with pytest.raises(MemoryError):
        resumed(history, policy, tmp_path / "mark", every=0.005)
    history.read = []
    found = resumed(history, policy, tmp_path / "mark")

    assert 0 < history.read[0] <= 40
    assert totals(found) == totals(shadowed(Cut(ran, 1), policy))


def test_a_topic_that_moved_on_is_read_to_the_end_that_was_there_at_first(ran, tmp_path):
    """The captured end is part of the bookmark."""
    policy, stop = policy_with(), Stop()
    history = Interrupted(ran, 1, 10, stop.ask)
    blocks = history.blocks[0]
    end = len(blocks) * 3 // 4
    history.blocks[0] = blocks[:end]
    assert resumed(history, policy, tmp_path / "mark", stop=stop) is None
    history.blocks[0] = blocks
    bookmark = Bookmark(tmp_path / "mark")
    extents = bookmark.begin({"policy": policy.version}, history.extents())
    bookmark.close()

    assert extents[0].end == end


def test_a_bookmark_of_another_replay_is_refused(ran, tmp_path):
    """Half under one policy and half under another would be neither."""
    history = Cut(ran, 1)
    bookmark = Bookmark(tmp_path / "mark")
    bookmark.begin({"policy": "a"}, history.extents())
    with pytest.raises(UsageProblem) as raised:
        bookmark.begin({"policy": "b"}, history.extents())
    bookmark.close()

    assert raised.value.code == "bookmark-of-another"
    assert "its policy was a" in raised.value.why


def test_a_file_that_is_no_bookmark_is_left_alone(tmp_path):
    """A slip of the finger costs nobody a file."""
    precious = tmp_path / "orders.csv"
    precious.write_text("order,total\n" * 500)
    with pytest.raises(WorldProblem) as raised:
        Bookmark(precious).begin({}, ())

    assert raised.value.code == "bookmark-unusable"
    assert precious.read_text() == "order,total\n" * 500


def test_a_bookmark_is_its_owners_alone(ran, tmp_path):
    """It holds orders as they are, addresses included."""
    stop = Stop()
    resumed(Interrupted(ran, 1, 10, stop.ask), policy_with(), tmp_path / "mark", stop=stop)

    with sqlite3.connect(tmp_path / "mark") as db:
        assert db.execute("SELECT count(*) FROM orders").fetchone()[0] > 10
    assert (tmp_path / "mark").stat().st_mode & 0o077 == 0
