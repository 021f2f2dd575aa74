"""A history out of several partitions is one sequence, however the brokers hand it over."""

import asyncio
from itertools import accumulate
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streams.service.merge import Merge

PLACES = [TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("shipments", 0)]


class Consumer:
    """What a broker has, handed over in pieces of the given sizes; sometimes nothing comes."""

    def __init__(self, times, sizes):
        self._left = {
            place: [
                SimpleNamespace(timestamp=time, topic=place.topic, partition=place.partition, offset=offset)
                for offset, time in enumerate(some)
            ]
            for place, some in zip(PLACES, times, strict=True)
        }
        self._ends = {place: len(some) for place, some in self._left.items()}
        self._sizes = iter(sizes)

    def assignment(self):
        return set(PLACES)

    async def getmany(self, *places, timeout_ms, max_records):  # noqa: ARG002 - the client's signature
        found = {}
        for place in places or PLACES:
            size = min(next(self._sizes, max_records), max_records)
            some, self._left[place] = self._left[place][:size], self._left[place][size:]
            if some:
                found[place] = some
        return found

    def last_stable_offset(self, place):
        return self._ends[place]

    async def position(self, place):
        return self._ends[place] - len(self._left[place])


async def everything(merge, limit):
    """Return all that the merge gives out, and see that no answer is larger than asked for."""
    found = []
    while not merge.is_dry():
        runs = await merge.next(0, limit)
        given_out = [(place, record.offset) for place, records in runs for record in records]
        assert len(given_out) <= limit
        found += given_out
    return found


def in_order(times):
    """The same sequence by its definition: by time, topic, partition; a time that goes back counts as the one before."""
    keyed = [
        (time, place, offset)
        for place, some in zip(PLACES, times, strict=True)
        for offset, time in enumerate(accumulate(some, max))
    ]
    return [(place, offset) for _, place, offset in sorted(keyed)]


@given(
    times=st.tuples(*[st.lists(st.integers(0, 12), max_size=12)] * 3),
    sizes=st.lists(st.integers(0, 4), max_size=40),
    limit=st.integers(1, 9),
)
def test_a_history_is_one_sequence(times, sizes, limit):
    """Whatever comes when and in pieces of whatever size: the order is that of the records' own times."""
    assert asyncio.run(everything(Merge(Consumer(times, sizes)), limit)) == in_order(times)


def test_nothing_is_given_out_that_something_may_come_before():
    """One partition is silent and not at its end: the other has to wait."""
    consumer = Consumer(([5, 6], [1], []), [2, 0, 0])
    merge = Merge(consumer)

    assert asyncio.run(merge.next(0, 10)) == []
    assert not merge.is_dry()


def test_what_was_given_back_is_forgotten():
    """Whoever has the partitions next reads it again."""
    merge = Merge(Consumer(([1, 2], [1], []), []))
    first = asyncio.run(merge.next(0, 2))
    merge.forget()

    assert [(place, [one.offset for one in some]) for place, some in first] == [
        (PLACES[0], [0]),
        (PLACES[1], [0]),
    ]
    assert asyncio.run(merge.next(0, 10)) == []


@pytest.mark.parametrize("limit", [1, 100])
def test_a_partition_alone_is_given_out_as_it_stands(limit):
    """Its times may go back; its offsets never do."""
    times = ([3, 1, 2], [], [])

    assert asyncio.run(everything(Merge(Consumer(times, [])), limit)) == [(PLACES[0], n) for n in range(3)]
