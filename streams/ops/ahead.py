"""Reads a topic ahead in a process of its own: what comes is understood here while the next is fetched there.

kafka-python takes as long for a record as we do. Each partition may be ahead by so much and no more: one that is
not asked for is left alone, so nothing piles up, however far apart the partitions are in time.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from streams.clock import stopwatch
from streams.ops.brokers import PATIENCE, TopicPartition, looking, unreachable
from streams.ops.history import Extent
from streams.problems import WorldProblem
from streams.settings import Settings

_PARCEL = 500  # records handed over at a time
_CREDIT = 2  # parcels of a partition that may be on their way: one is understood, one waits
_LEAST, _MOST = 2 * _PARCEL, 6 * _PARCEL  # records between which a partition is fetched and left alone
_FETCH = 1024 * 1024  # bytes per partition and fetch: some 2,500 records, so that all move at the same pace
_WAIT = 200  # milliseconds per question to the brokers
_END_WITHIN = 5.0  # seconds for a process that is no longer needed
_FORK = multiprocessing.get_context("fork")  # a secret among the settings can be handed over in no other way


class Parcel(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Records of a partition, each with its offset; the last parcel of a partition is empty."""

    partition: int
    records: list[tuple[int, bytes]]


class Failure(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """What the process met: the problem that is raised here."""

    code: str
    what: str
    where: str
    why: str
    hint: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Parcel | Failure).decode


class Ahead:
    """A process that reads partitions of a topic, and what has come of each."""

    def __init__(
        self, settings: Settings, role: str, topic: str, extents: Sequence[Extent], options: Mapping[str, Any]
    ) -> None:
        self._topic = topic
        self._come: dict[int, deque[Parcel]] = {one.partition: deque() for one in extents}
        self._here, there = _FORK.Pipe()

        def read() -> None:
            self._here.close()  # as long as it were open there, nobody would notice that we are gone
            _Reader(settings, topic, extents).run(there, role, options)

        self._process = _FORK.Process(target=read, daemon=True)
        self._process.start()
        there.close()

    def records(self, partition: int) -> Iterator[tuple[int, bytes]]:
        """Yield the offsets and values of a partition, once.

        Raises:
            WorldProblem: the codes of :func:`streams.ops.brokers.looking`; the position is named.
        """
        waiting = self._come[partition]
        self._ask(partition, _CREDIT)
        while True:
            while not waiting:
                self._receive()
            parcel = waiting.popleft()
            if not parcel.records:
                return
            self._ask(partition, 1)
            yield from parcel.records

    def close(self) -> None:
        """End the process."""
        self._here.close()
        self._process.join(_END_WITHIN)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def _ask(self, partition: int, parcels: int) -> None:
        with suppress(OSError):  # who has ended has said everything, or why it could not: that comes next
            self._here.send_bytes(_encode((partition, parcels)))

    def _receive(self) -> None:
        try:
            said = _decode(self._here.recv_bytes())
        except (OSError, EOFError) as error:
            raise self._ended() from error
        if isinstance(said, Failure):
            raise WorldProblem(said.code, said.what, where=said.where, why=said.why, hint=said.hint)
        self._come[said.partition].append(said)

    def _ended(self) -> WorldProblem:
        return WorldProblem(
            "kafka-failed",
            "the process that reads ahead has ended",
            where=self._topic,
            why="somebody stopped it, or there was no memory left",
            hint="run the command again",
        )


class _Reader:
    """What the process does: it fetches what is not far enough ahead, and hands over what was asked for."""

    def __init__(self, settings: Settings, topic: str, extents: Sequence[Extent]) -> None:
        self._settings = settings
        self._ends = {TopicPartition(topic, one.partition): one.end for one in extents}
        self._positions = {TopicPartition(topic, one.partition): one.first for one in extents}
        self._fetched: dict[Any, deque[tuple[int, bytes]]] = {place: deque() for place in self._ends}
        self._asked = dict.fromkeys(self._ends, 0)
        self._assigned: set[Any] = set()
        self._since = stopwatch()

    def run(self, pipe: Connection, role: str, options: Mapping[str, Any]) -> None:
        """Serve until everything was handed over, or nobody listens any more."""
        try:
            try:
                with looking(self._settings, role, max_partition_fetch_bytes=_FETCH, **options) as consumer:
                    self._serve(pipe, consumer)
            except WorldProblem as one:
                pipe.send_bytes(_encode(Failure(one.code, one.what, one.where, one.why, one.hint)))
        except (OSError, EOFError, KeyboardInterrupt):
            return

    def _serve(self, pipe: Connection, consumer: Any) -> None:
        while self._asked:
            is_busy = any(map(self._is_short, self._asked))
            while pipe.poll(0 if is_busy or self._is_owed() else None):
                partition, parcels = msgspec.msgpack.decode(pipe.recv_bytes(), type=tuple[int, int])
                for place in self._asked:
                    self._asked[place] += parcels if place.partition == partition else 0
            if is_busy:
                self._fetch(consumer)
            else:
                self._since = stopwatch()  # it was we who did not ask
            for place in list(self._asked):
                self._hand_over(pipe, place)

    def _is_short(self, place: Any) -> bool:
        return not self._is_ended(place) and len(self._fetched[place]) < _LEAST

    def _is_ended(self, place: Any) -> bool:
        return bool(self._positions[place] >= self._ends[place])

    def _is_owed(self) -> bool:
        return any(count and self._has_parcel(place) for place, count in self._asked.items())

    def _has_parcel(self, place: Any) -> bool:
        """True when the next parcel can be handed over: a whole one, or the last."""
        return self._is_ended(place) or len(self._fetched[place]) >= _PARCEL

    def _fetch(self, consumer: Any) -> None:
        self._assign(consumer)
        found = consumer.poll(timeout_ms=_WAIT)
        for place, records in found.items():
            end = self._ends[place]
            self._fetched[place].extend((one.offset, one.value or b"") for one in records if one.offset < end)
        before = dict(self._positions)
        for place in self._assigned:
            self._positions[place] = consumer.position(place)
        if self._positions != before:
            self._since = stopwatch()
        elif stopwatch() - self._since > PATIENCE:
            place = next(filter(self._is_short, self._asked))
            problem = unreachable(self._settings, f"nothing came for {PATIENCE:.0f} seconds")
            problem.where += f", {place.topic}[{place.partition}]@{self._positions[place]}"
            raise problem

    def _assign(self, consumer: Any) -> None:
        """Let the consumer fetch what is not far ahead; a partition that it paused, it may never take up again.

        (kafka-python 3.0.12: what was fetched before the pause waits for a place that a drained fetch keeps.)
        """
        wanted = {
            place
            for place in self._asked
            if self._is_short(place)
            or (place in self._assigned and not self._is_ended(place) and len(self._fetched[place]) < _MOST)
        }
        if wanted == self._assigned:
            return
        consumer.assign(sorted(wanted))
        for place in wanted - self._assigned:
            consumer.seek(place, self._positions[place])
        self._assigned, self._since = wanted, stopwatch()

    def _hand_over(self, pipe: Connection, place: Any) -> None:
        """Hand over as many parcels as were asked for; behind the empty one there is nothing."""
        fetched = self._fetched[place]
        while self._asked[place] and self._has_parcel(place):
            records = [fetched.popleft() for _ in range(min(_PARCEL, len(fetched)))]
            pipe.send_bytes(_encode(Parcel(place.partition, records)))
            self._asked[place] -= 1
            if not records:
                del self._asked[place]
                return
