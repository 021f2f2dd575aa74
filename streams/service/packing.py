"""Packs events into journal blocks, one open block per partition, and holds what else is to be written."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.clock import stopwatch
from streams.codec.blocks import Entry, encode_block
from streams.service.progress import Progress

# Kafka, Faust and a snapshot's tail charge by the record; beyond these a larger block saves nothing more per event
# (notes of the design, measured). 64 KiB is also a quarter of what the fold unpacks in a millisecond.
BLOCK_EVENTS = 256
BLOCK_BYTES = 65_536
_ENTRY_BYTES = 96  # of an entry besides its data: names, two times and what msgpack puts around them


@dataclass(slots=True)
class Write:
    """A record to be written; when it is acknowledged, ``owed`` is settled and ``unparks`` wait no more."""

    topic: str
    partition: int
    value: bytes | None
    owed: int
    key: bytes | None = None
    events: int = 0
    unparks: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    owed: int
    since: float
    entries: list[Entry] = field(default_factory=list)
    size: int = 0
    unparks: list[bytes] = field(default_factory=list)


class Packer:
    """The open blocks of a journal; ``writes`` are the records that are ready, in the order of their making."""

    def __init__(self, topic: str, progress: Progress) -> None:
        self.writes: list[Write] = []
        self._topic = topic
        self._progress = progress
        self._open: dict[int, _Open] = {}

    def add(self, partition: int, entry: Entry, unparks: bytes | None = None) -> None:
        """Put an event behind all others of its partition; ``unparks`` is the scan's place among the parked."""
        block = self._open.get(partition)
        size = len(entry.data) + _ENTRY_BYTES
        if block is not None and block.size + size > BLOCK_BYTES:
            self._close(partition)
            block = None
        if block is None:
            block = self._open[partition] = _Open(self._progress.owe(), stopwatch())
        block.entries.append(entry)
        block.size += size
        if unparks is not None:
            block.unparks.append(unparks)
        if len(block.entries) >= BLOCK_EVENTS:
            self._close(partition)

    def put(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        *,
        key: bytes,
        unparks: list[bytes] | None = None,
    ) -> None:
        """Add a record for another topic."""
        self.writes.append(
            Write(topic, partition, value, self._progress.owe(), key=key, unparks=unparks or [])
        )

    def close(self, older_than: float = 0.0) -> None:
        """Close the blocks that have been open for at least so many seconds."""
        latest = stopwatch() - older_than
        for partition in [one for one, block in self._open.items() if block.since <= latest]:
            self._close(partition)

    def open_since(self) -> float | None:
        """Return when the oldest open block was begun, by the stopwatch, or None."""
        return min((block.since for block in self._open.values()), default=None)

    def take(self) -> list[Write]:
        """Return what is ready to be written, and forget it here."""
        writes, self.writes = self.writes, []
        return writes

    def _close(self, partition: int) -> None:
        block = self._open.pop(partition)
        self.writes.append(
            Write(
                self._topic,
                partition,
                encode_block(block.entries),
                block.owed,
                events=len(block.entries),
                unparks=block.unparks,
            )
        )
