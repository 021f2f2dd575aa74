"""The state of a partition, written down now and then: a cache with a journal position in it.

One snapshot is one Kafka transaction into the partition's own partition of a compacted topic: the buckets
that changed, and last a note of the position through which outputs are acknowledged. Readers see whole
snapshots only (``read_committed``), and a worker that was declared dead is fenced by its successor's epoch
(KIP-98), so an old hand never writes over a new one. The journal itself has no transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from streams import telemetry
from streams.clock import stopwatch
from streams.pipeline.shape import state_shape
from streams.service.client import producer, reader
from streams.service.order_table import Bucket, read_bucket
from streams.service.resting import dictionary_mark
from streams.settings import Settings

NOTE = b"position"
Pen: TypeAlias = AIOKafkaProducer
"""Whoever holds it writes a partition's snapshots; taking it fences the holder before."""
_PATIENCE = 60_000  # milliseconds a snapshot may take before the broker gives it up


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot says about itself. ``now`` is how far recorded time had come."""

    shape: str
    position: int
    now: datetime | None
    orders: int


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The newest whole snapshot of a partition: its note and its buckets."""

    note: Note
    buckets: Mapping[int, Bucket]


_pack_note = msgspec.msgpack.Encoder().encode
_unpack_note = msgspec.msgpack.Decoder(Note).decode


class Snapshots:
    """Reads and writes the snapshots of the partitions that one worker holds."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._shape = f"{state_shape()}-{dictionary_mark():08x}"
        self._pens: set[Pen] = set()

    async def take_pen(self, partition: int) -> Pen:
        """Become the only one who writes a partition's snapshots: whoever did so before is fenced.

        Raises:
            KafkaError: the brokers did not agree.
        """
        pen = producer(
            self._settings,
            f"snapshots-{partition}",
            transactional_id=f"{self._topic}-{partition}",
            transaction_timeout_ms=_PATIENCE,
        )
        await pen.start()
        self._pens.add(pen)
        return pen

    async def drop_pen(self, pen: Pen) -> None:
        """Let go of a partition."""
        if pen in self._pens:
            self._pens.discard(pen)
            await pen.stop()

    async def close(self) -> None:
        """Let go of every partition."""
        for pen in list(self._pens):
            await self.drop_pen(pen)

    async def write(self, pen: Pen, partition: int, buckets: Mapping[int, bytes], note: Note) -> bool:
        """Write one snapshot; False when it could not be, which loses nothing but time at the next start."""
        if pen not in self._pens:
            return False
        try:
            async with pen.transaction():
                sends = [
                    await pen.send(self._topic, record, key=str(bucket).encode(), partition=partition)
                    for bucket, record in buckets.items()
                ]
                sends.append(await pen.send(self._topic, _pack_note(note), key=NOTE, partition=partition))
                for sent in sends:
                    await sent
        except ProducerFenced:
            telemetry.snapshot_not_written(partition=partition, why="another worker holds this partition now")
            await self.drop_pen(pen)
            return False
        except KafkaError as error:
            telemetry.snapshot_not_written(partition=partition, why=f"{type(error).__name__}: {error}"[:200])
            return False
        return True

    def note(self, *, position: int, now: datetime | None, orders: int) -> Note:
        """Return the note of a snapshot of today's shape."""
        return Note(shape=self._shape, position=position, now=now, orders=orders)

    async def read(self, partition: int) -> Snapshot | None:
        """Return the newest whole snapshot, or None when there is none that this program can use."""
        began = stopwatch()
        records = await self._records(partition)
        raw = records.pop(NOTE, None)
        if raw is None:
            return None
        try:
            found = _understood(raw, records)
        except (msgspec.DecodeError, ValueError) as error:
            self._discard(partition, f"a record of it is none of ours: {error}")
            return None
        if found.note.shape != self._shape:
            self._discard(partition, "another version of the program wrote it")
            return None
        telemetry.snapshot_read(
            partition=partition,
            position=found.note.position,
            bytes_=sum(map(len, records.values())),
            seconds=round(stopwatch() - began, 3),
        )
        return found

    def _discard(self, partition: int, why: str) -> None:
        telemetry.snapshot_discarded(place=f"{self._topic}[{partition}]", why=why)

    async def _records(self, partition: int) -> dict[bytes, bytes]:
        """Return the last committed value of every key of a partition."""
        at = TopicPartition(self._topic, partition)
        found: dict[bytes, bytes] = {}
        source = reader(self._settings, f"snapshots-reader-{partition}", isolation_level="read_committed")
        await source.start()
        try:
            source.assign([at])
            end = (await source.end_offsets([at]))[at]
            await source.seek_to_beginning(at)
            while await source.position(at) < end:
                for record in (await source.getmany(at, timeout_ms=1000)).get(at, ()):
                    if record.value is None:
                        found.pop(record.key, None)
                    else:
                        found[record.key] = record.value
        finally:
            await source.stop()
        return found


def _understood(note: bytes, records: Mapping[bytes, bytes]) -> Snapshot:
    """Return what the records of a partition say.

    Raises:
        msgspec.DecodeError, ValueError: one of them is none of ours.
    """
    buckets = {int(key): read_bucket(record) for key, record in records.items()}
    return Snapshot(note=_unpack_note(note), buckets=buckets)
