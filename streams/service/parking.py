"""Scans that wait for their order, kept where the worker that takes a source partition over finds them.

The topic is compacted. A key is a source partition and an event; the record stands in the partition of the same
number, modulo. A scan that was claimed or given up gets a tombstone, after what came of it is written down.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec
from aiokafka import TopicPartition

from streams.codec.registry import decode_fact, encode_fact
from streams.pipeline.correlate import Parked
from streams.pipeline.ports import Incoming
from streams.problems import InputProblem
from streams.service.arrival import Arrival
from streams.service.client import reader
from streams.service.topics import Topic
from streams.settings import Settings

_WAIT = 1000  # milliseconds for records that are there

_Place = tuple[str, int]  # topic and partition of a source


class _Waiting(msgspec.Struct, frozen=True, array_like=True):
    topic: str
    partition: int
    key: str
    place: str
    since: datetime
    id: str
    source: str
    occurred_at: datetime
    type: str
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Waiting).decode


class Parking:
    """The topic of parked scans, and a mirror of what we have read of it: a takeover reads only what is new."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self.topic = topic
        self._unreadable: list[tuple[InputProblem, bytes, int]] = []
        self._settings = settings
        self._read_to: dict[TopicPartition, int] = {}
        self._mirror: dict[bytes, _Waiting] = {}

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
        found = [
            (ours[waits.topic, waits.partition], _parked(waits))
            for waits in self._mirror.values()
            if (waits.topic, waits.partition) in ours
        ]
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
            waits = _decode(record.value)
            _parked(waits)
        except (msgspec.DecodeError, UnicodeDecodeError, InputProblem) as error:
            place = f"{record.topic}[{record.partition}]@{record.offset}"
            self._unreadable.append((_foreign(place, error), record.value, record.timestamp))
        else:
            self._mirror[key] = waits


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
    incoming = waits.incoming
    return _encode(
        _Waiting(
            topic=place.topic,
            partition=place.partition,
            key=waits.key,
            place=waits.place,
            since=waits.since,
            id=incoming.id,
            source=incoming.source,
            occurred_at=incoming.occurred_at,
            type=incoming.fact.TYPE,
            data=incoming.data if incoming.data is not None else encode_fact(incoming.fact),
        )
    )


def _parked(waits: _Waiting) -> Parked:
    incoming = Incoming(
        id=waits.id,
        source=waits.source,
        occurred_at=waits.occurred_at,
        order_id=None,
        fact=decode_fact(waits.type, waits.data),
        data=waits.data,
    )
    return Parked(key=waits.key, incoming=incoming, place=waits.place, since=waits.since)


def _foreign(place: str, error: Exception) -> InputProblem:
    return InputProblem(
        "parked-unreadable",
        "a record of the parked scans is none of ours",
        where=place,
        why=str(error),
        hint="look at who may write to the topic",
    )
