"""Reads a history: the records of several partitions as one sequence, in the order of their own times.

The order is (timestamp, topic, partition, offset). A record is given out when every partition has shown its next
one or has come to its end: for a history that lies there whole, the sequence is the same at every run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, groupby
from operator import itemgetter

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from streams.service.arrival import Arrival

Run = tuple[TopicPartition, list[Arrival]]
"""Records of one partition that follow each other in the merged sequence."""

_Keyed = tuple[int, TopicPartition, Arrival]


class Weave:
    """Reads what is there of every partition, a fair share of each, in the order of the records' own times.

    Catching up, a worker that read far ahead in one partition would park its scans: their labels lie in another.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._life = 0  # counts how often partitions were given back

    async def next(self, wait: int, limit: int) -> list[Run]:
        """Return the next records, some ``limit``, after at most ``wait`` milliseconds."""
        places = set(self._consumer.assignment())
        share = max(1, limit // max(1, len(places)))
        life = self._life
        found: dict[TopicPartition, list[Arrival]]
        found = await self._consumer.getmany(timeout_ms=wait, max_records=share)
        left = limit - share
        while found and places and left > 0 and life == self._life:
            for place in list(places):
                try:
                    some = await self._consumer.getmany(place, timeout_ms=0, max_records=share)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    return woven(found)  # what was handed over already counts as read
                if life != self._life:
                    return woven(some)  # the rest was given back with its partitions
                if not some:
                    places.discard(place)
                for records in some.values():
                    found.setdefault(place, []).extend(records)
                    left -= len(records)
        return woven(found)

    def forget(self) -> None:
        """Note that all partitions were given back."""
        self._life += 1

    def is_dry(self) -> bool:
        """False: the present has no end."""
        return False


def woven(found: Mapping[TopicPartition, Sequence[Arrival]]) -> list[Run]:
    """Return what was read as one sequence, by the records' own times; within a partition by offset."""
    if len(found) < 2:
        return [(place, list(records)) for place, records in found.items()]
    return _runs(_sequence(found))


def _sequence(found: Mapping[TopicPartition, Sequence[Arrival]]) -> list[_Keyed]:
    """Return the records in the order of (time, place, offset); a time that goes back counts as the one before."""
    keyed = [
        (time, place, record)
        for place, records in sorted(found.items())
        for time, record in zip(accumulate((one.timestamp for one in records), max), records, strict=True)
    ]
    keyed.sort(key=itemgetter(0))  # stable, and made for runs that are in order already
    return keyed


def _runs(keyed: Iterable[_Keyed]) -> list[Run]:
    return [(place, [one[2] for one in run]) for place, run in groupby(keyed, key=itemgetter(1))]


class Merge:
    """Merges the partitions that a consumer is assigned."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._behind: dict[TopicPartition, list[Arrival]] = {}  # read, and something may come before it
        self._certain: deque[_Keyed] = deque()  # in its order, to be given out
        self._ended: set[TopicPartition] = set()
        self._life = 0  # counts what was forgotten

    async def next(self, wait: int, limit: int) -> list[Run]:
        """Return the next records, at most ``limit``, after at most ``wait`` milliseconds; none when none is certain."""
        if not self._certain:
            empty = [one for one in self._consumer.assignment() if one not in self._behind]
            if not self._behind or any(one not in self._ended for one in empty):
                self._add(await self._consumer.getmany(*empty, timeout_ms=wait, max_records=limit))
                await self._look_for_ends()
            self._merge()
        certain = self._certain
        return _runs([certain.popleft() for _ in range(min(limit, len(certain)))])

    def is_dry(self) -> bool:
        """True when everything that there is was given out."""
        assigned = self._consumer.assignment()
        return not self._behind and not self._certain and bool(assigned) and assigned <= self._ended

    def forget(self) -> None:
        """Forget what was read and not given out: whoever has the partitions next reads it again."""
        self._behind, self._certain, self._ended = {}, deque(), set()
        self._life += 1

    def _add(self, found: dict[TopicPartition, list[Arrival]]) -> None:
        for place, records in found.items():
            self._behind.setdefault(place, []).extend(records)

    async def _look_for_ends(self) -> None:
        """Note which partitions have come to their end, as far as the brokers have told us."""
        ended, life = set(), self._life
        for place in list(self._consumer.assignment()):
            # While we ask for a position, partitions may be taken from us.
            with suppress(IllegalStateError):
                known = place in self._consumer.assignment()
                end = self._consumer.last_stable_offset(place) if known else None
                if end is not None and await self._consumer.position(place) >= end:
                    ended.add(place)
        if life == self._life:
            self._ended = ended

    def _merge(self) -> None:
        """Put in order what nothing can come before any more: a partition that goes on has shown what is next."""
        behind = self._behind
        going_on = [one for one in self._consumer.assignment() if one not in self._ended]
        if not behind or any(one not in behind for one in going_on):
            return
        keyed = _sequence(behind)
        until = min(((_latest(behind[one]), one) for one in going_on), default=None)
        count = len(keyed)
        if until is not None:
            count = bisect_right(keyed, until, key=itemgetter(0, 1))
        self._certain.extend(keyed[:count])
        rest: dict[TopicPartition, list[Arrival]] = {}
        for _, place, record in keyed[count:]:
            rest.setdefault(place, []).append(record)
        self._behind = rest


def _latest(records: Iterable[Arrival]) -> int:
    return max(one.timestamp for one in records)
