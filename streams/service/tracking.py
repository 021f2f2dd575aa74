"""Tracking numbers that every ingest worker knows: each learns from the sources it reads and tells all others.

The topic is compacted: its key is the number as carriers compare it, its value whose parcel that is. Where two
workers learn different things of one number, the topic's order says what counts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.pipeline.correlate import Owner
from streams.problems import InputProblem
from streams.service.arrival import Arrival
from streams.service.client import reader
from streams.service.partition import partition_of
from streams.service.topics import Topic
from streams.settings import Settings

_WAIT = 1000  # milliseconds for news; whoever closes the reader does not wait for it
_AT_ONCE = 5000  # records between two turns of the loop: some ten milliseconds

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Owner).decode


class Tracking:
    """The topic of tracking numbers, read from its beginning and then for as long as it is open."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self.topic = topic
        self._settings = settings
        self._reader: AIOKafkaConsumer | None = None

    async def all(self) -> AsyncIterator[list[Arrival]]:
        """Open the topic and yield everything that stands in it now.

        Raises:
            aiokafka.errors.KafkaError: it cannot be read.
        """
        source = self._reader = reader(self._settings, "ingest-tracking")
        await source.start()
        everywhere = [TopicPartition(self.topic.name, one) for one in range(self.topic.partitions)]
        source.assign(everywhere)
        ends = await source.end_offsets(everywhere)
        await source.seek_to_beginning()
        while [one for one in everywhere if await source.position(one) < ends[one]]:
            yield await self._more(source)

    async def news(self) -> AsyncIterator[list[Arrival]]:
        """Yield what comes behind, for ever."""
        assert self._reader is not None  # all() comes first
        while True:
            yield await self._more(self._reader)

    async def stop(self) -> None:
        """Let go of the topic."""
        if self._reader is not None:
            await self._reader.stop()

    @staticmethod
    async def _more(source: AIOKafkaConsumer) -> list[Arrival]:
        found = await source.getmany(timeout_ms=_WAIT, max_records=_AT_ONCE)
        return [record for records in found.values() for record in records]


def lesson(number: str, owner: Owner, count: int) -> tuple[int, bytes, bytes]:
    """Return partition, key and value of the record that tells whose parcel ``number`` is."""
    return partition_of(number, count), number.encode(), _encode(owner)


def read_lesson(record: Arrival) -> tuple[str, Owner | None]:
    """Return a number and whose parcel it is; None where the number was taken back.

    Raises:
        InputProblem: ``tracking-unreadable``.
    """
    try:
        number = (record.key or b"").decode()
        return number, _decode(record.value) if record.value is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputProblem(
            "tracking-unreadable",
            "a record of the tracking numbers is none of ours",
            where=f"{record.topic}[{record.partition}]@{record.offset}",
            why=str(error),
            hint="look at who may write to the topic; the number is learned again from its shipment",
        ) from error
