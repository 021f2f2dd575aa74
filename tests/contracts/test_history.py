"""What every history must do: a journal file, topics, and a recording of a source."""

from __future__ import annotations

import multiprocessing

import pytest

from streams.codec.blocks import decode_block
from streams.ops.brokers import PATIENCE
from streams.pipeline.processor import TICK_ORDER
from streams.problems import UsageProblem
from tests.history_rig import LATER, InFile, InTopics, Recorded

KINDS = ("file", "topics", "recording")


@pytest.fixture(scope="session")
def lived_in(tmp_path_factory):
    return tmp_path_factory.mktemp("lived")


@pytest.fixture(params=KINDS)
def kept(request, lived_in, tmp_path):
    """The same ten days, kept in each of the ways."""
    if request.param == "file":
        return InFile(lived_in, tmp_path)
    if request.param == "recording":
        return Recorded(lived_in, tmp_path)
    prefix = request.getfixturevalue("topic_prefix")
    return InTopics(lived_in, request.getfixturevalue("kafka"), prefix, tmp_path)


@pytest.fixture
def history(kept):
    opened = kept.open()
    yield opened
    opened.close()


def told(history):
    """The ids of the events of each partition, and those of its decisions."""
    partitions = [extent.partition for extent in history.extents()]
    events = [
        [event.id for batch in history.batches(one) for event in decode_block(batch.block)]
        for one in partitions
    ]
    return events, [[one.id for one in history.decided(one)] for one in partitions]


def test_everything_is_told_once_in_its_order(kept, history):
    """Every event and every decision that was written down, in the order in which it was."""
    events, decided = told(history)

    assert events == kept.events
    assert decided == kept.decided


def test_an_order_lives_in_one_partition(history):
    """Its events and what was decided about it, so that partitions may be folded apart."""
    homes = {}
    for extent in history.extents():
        for batch in history.batches(extent.partition):
            for event in decode_block(batch.block):
                homes.setdefault(event.order_id, set()).add(extent.partition)
        for one in history.decided(extent.partition):
            homes.setdefault(one.order_id, set()).add(extent.partition)
    homes.pop(TICK_ORDER, None)

    assert len(homes) >= 60
    assert {len(partitions) for partitions in homes.values()} == {1}


def test_positions_rise_and_lie_within_the_extent(history):
    """So a bookmark is a number, and how far a partition goes is known before it is read."""
    for extent in history.extents():
        batches = list(history.batches(extent.partition))
        positions = [batch.position for batch in batches]

        assert positions == sorted(set(positions))
        assert positions[0] == extent.first
        assert positions[-1] == extent.end - 1
        assert {batch.partition for batch in batches} == {extent.partition}


def test_reading_goes_on_where_it_stopped(history):
    """From any position, the rest is the same as in one go; behind the end there is nothing."""
    for extent in history.extents():
        whole = list(history.batches(extent.partition))
        middle = whole[len(whole) // 2].position

        assert list(history.batches(extent.partition, start=middle)) == whole[len(whole) // 2 :]
        assert list(history.batches(extent.partition, start=0)) == whole
        assert list(history.batches(extent.partition, start=extent.end)) == []


def test_the_end_is_where_it_was_when_it_was_opened(kept, history):
    """What is written meanwhile is not told, however late it is read; who opens anew hears of it."""
    before = told(history)
    extents = list(history.extents())
    kept.move_on()

    assert told(history) == before
    assert list(history.extents()) == extents
    again = kept.open()
    try:
        events, decided = told(again)
    finally:
        again.close()

    assert (events, decided) == (kept.events, kept.decided)
    assert LATER.id in {event for part in events for event in part}


def test_nobody_notices(kept, history):
    """No offset is committed, no group is joined, nothing is written, and no topic is made."""
    before = kept.traces()
    told(history)
    history.close()

    assert kept.traces() == before


def test_children_of_a_fork_read_on(kept, history):
    """Partitions are folded by processes that were forked while the history was open, and had been read."""
    fork = multiprocessing.get_context("fork")
    told(history)
    counted = fork.SimpleQueue()

    def count(partition):
        counted.put((partition, sum(len(decode_block(batch.block)) for batch in history.batches(partition))))

    children = [fork.Process(target=count, args=(one.partition,)) for one in history.extents()]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE)
    found = dict(counted.get() for _ in children)

    assert found == {partition: len(events) for partition, events in enumerate(kept.events)}
    assert told(history) == (kept.events, kept.decided)


def test_a_partition_that_is_not_there_is_a_problem(history):
    """Nothing would look like an empty history."""
    for asked in (history.batches, history.decided):
        with pytest.raises(UsageProblem) as caught:
            list(asked(99))

        assert caught.value.code == "partition-unknown"
