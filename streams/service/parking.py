"""Scans that wait for their order, kept where the worker that takes a source partition over finds them.

The topic is compacted. A key is a source partition and an event; the record stands in the partition of the same
number, modulo. A scan that was claimed or given up gets a tombstone, after what came of it is written down.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

import msgspec
from aiokafka import TopicPartition

from streams.pipeline.correlate import Parked
from streams.pipeline.parked import Written, parked_of, written
from streams.problems import InputProblem
from streams.service.arrival import Arrival
from streams.service.client import reader
from streams.service.topics import Topic
from streams.settings import Settings

_WAIT = 1000  # milliseconds for records that are there

_Place = tuple[str, int]  # topic and partition of a source


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, int, *get_args(Written)]).decode  # type: ignore[misc]  # a Written behind its source partition


class Parking:
    """The topic of parked scans, and a mirror of what we have read of it: a takeover reads only what is new."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self.topic = topic
        self._unreadable: list[tuple[InputProblem, bytes, int]] = []
        self._settings = settings
        self._read_to: dict[TopicPartition, int] = {}
        self._mirror: dict[bytes, tuple[_Place, Parked]] = {}

    def partition(self, place: TopicPartition) -> int:
        """Return where the scans of a source partition wait."""
        return int(place.partition) % self.topic.partitions

    async def load(self, places: Collection[TopicPartition]) -> list[tuple[TopicPartition, Parked]]:
        """Return the scans that wait for these source partitions, oldest first.

        Raises:
            aiokafka.errors.KafkaError: the topic cannot be read.
        """
        wanted = {TopicPartition(self.topic.name, self.partition(place)) for place in places}
        if wanted:
            await self._catch_up(wanted)
        ours = {(place.topic, place.partition): place for place in places}
        found = [(ours[place], waits) for place, waits in self._mirror.values() if place in ours]
        return sorted(found, key=lambda one: (one[1].since, one[1].incoming.source, one[1].incoming.id))

    def take_unreadable(self) -> list[tuple[InputProblem, bytes, int]]:
        """Return what nobody could read: problem, bytes and milliseconds; and forget it here."""
        found, self._unreadable = self._unreadable, []
        return found

    async def _catch_up(self, wanted: Collection[TopicPartition]) -> None:
        source = reader(self._settings, "ingest-parked")
        try:
            await source.start()
            source.assign(list(wanted))
            ends = await source.end_offsets(list(wanted))
            begins = await source.beginning_offsets(list(wanted))
            for one in wanted:
                source.seek(one, max(begins[one], self._read_to.get(one, 0)))
            while [one for one in wanted if await source.position(one) < ends[one]]:
                for records in (await source.getmany(timeout_ms=_WAIT)).values():
                    for record in records:
                        self._note(record)
            for one in wanted:
                self._read_to[one] = await source.position(one)
        finally:
            await source.stop()

    def _note(self, record: Arrival) -> None:
        key = record.key or b""
        if record.value is None:
            self._mirror.pop(key, None)
            return
        try:
            topic, partition, *values = _decode(record.value)
            waits = parked_of(tuple(values))
        except (msgspec.DecodeError, UnicodeDecodeError, InputProblem) as error:
            place = f"{record.topic}[{record.partition}]@{record.offset}"
            self._unreadable.append((_foreign(place, error), record.value, record.timestamp))
        else:
            self._mirror[key] = (topic, partition), waits


def parked_key(place: TopicPartition, waits: Parked) -> bytes:
    """Return the key of a parked scan: only the owner of its source partition ever writes it."""
    incoming = waits.incoming
    return f"{place.topic}[{place.partition}]\x1f{incoming.source}\x1f{incoming.id}".encode()


def place_of(key: bytes) -> TopicPartition:
    """Return the source partition in the key of a parked scan."""
    place, _, _ = key.decode().partition("\x1f")
    topic, _, partition = place.removesuffix("]").rpartition("[")
    return TopicPartition(topic, int(partition))


def parked_value(place: TopicPartition, waits: Parked) -> bytes:
    """Return a parked scan as its record holds it."""
    return _encode((place.topic, place.partition, *written(waits)))


def _foreign(place: str, error: Exception) -> InputProblem:
    return InputProblem(
        "parked-unreadable",
        "a record of the parked scans is none of ours",
        where=place,
        why=str(error),
        hint="look at who may write to the topic",
    )
