"""A history that was never journaled, recorded as ingest would have written it: merged, correlated, cut into blocks.

The blocks of all partitions lie in one file that has no name: it is gone when the last process that reads it
is, however that one ends. An index in memory says where each block is, so children of a fork read it, too.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import IO, Literal

from streams.codec.blocks import Entry, encode_block
from streams.codec.registry import encode_fact
from streams.core.events import FulfillmentCreated, ReturnLabelIssued, ShipmentCreated
from streams.core.ids import fingerprint, has_seen
from streams.ops.history import Batch, Decided, Extent
from streams.pipeline.arrivals import Arrived, arrivals
from streams.pipeline.correlate import Correlator, number_of
from streams.pipeline.dead_letters import is_order, no_key, no_order, unclaimed
from streams.pipeline.ports import Ignored, Incoming, Rejected, Source, Translation
from streams.problems import UsageProblem, WorldProblem
from streams.service.partition import partition_of

BLOCK_EVENTS = 256  # as the embedded engine writes them
Count = Literal["in", "folded", "duplicates", "parked", "dead_letters", "ignored"]
Progress = Callable[[int], None]
_BUFFER = 1024 * 1024  # bytes written at a time
_TEACHES = (ShipmentCreated, FulfillmentCreated, ReturnLabelIssued)


class Recording:
    """A recorded history. ``in`` = ``folded`` + ``duplicates`` + ``parked`` + ``dead_letters``, always.

    ``counts`` also holds ``ignored``; ``refused`` says how many dead letters there are of each code. ``began``
    and ``ended`` are the first and the last moment at which something was recorded.
    """

    def __init__(self, name: str, file: IO[bytes], index: Sequence[Sequence[tuple[int, int]]]) -> None:
        self.name = name
        self.counts: Counter[Count] = Counter()
        self.refused: Counter[str] = Counter()
        self.began: datetime | None = None
        self.ended: datetime | None = None
        self._file = file
        self._index = index

    def extents(self) -> Sequence[Extent]:
        """Return the partitions; the positions of each count its blocks from 0."""
        return [
            Extent(partition=partition, first=0, end=len(blocks))
            for partition, blocks in enumerate(self._index)
        ]

    def batches(self, partition: int, *, start: int | None = None) -> Iterator[Batch]:
        """Yield the blocks of a partition.

        Raises:
            WorldProblem: ``recording-failed``.
        """
        blocks = self._blocks(partition)
        for position in range(max(0, start or 0), len(blocks)):
            at, size = blocks[position]
            try:
                block = os.pread(self._file.fileno(), size, at)
            except (OSError, ValueError) as error:
                raise _failed(error) from error
            yield Batch(partition, position, block)

    def decided(self, partition: int) -> Iterator[Decided]:
        """Yield nothing: nobody decided anything then."""
        self._blocks(partition)
        yield from ()

    def close(self) -> None:
        """Let go of the file, and with it of everything that was recorded."""
        self._file.close()

    def _blocks(self, partition: int) -> Sequence[tuple[int, int]]:
        if not 0 <= partition < len(self._index):
            raise UsageProblem(
                "partition-unknown",
                f"there is no partition {partition}",
                why=f"it was recorded into {len(self._index)} partitions, from 0",
                hint="name one of them, or set FIRSTWORD_PARTITIONS",
            )
        return self._index[partition]


def _silent(_count: int) -> None:
    """Show nothing."""


def record(
    source: Source,
    location: str,
    *,
    partitions: int,
    until: datetime | None = None,
    progress: Progress = _silent,
) -> Recording:
    """Read one source to its end, or up to what arrived at ``until``, and return it as a history.

    Raises:
        InputProblem: the source cannot be read.
        WorldProblem: ``recording-failed``: there is no room for it; the codes of Kafka, for a raw topic.
    """
    feeds, name = [(source, location)], f"{source.name}={location}"
    return record_all(feeds, name=name, partitions=partitions, until=until, progress=progress)


def record_all(
    feeds: Sequence[tuple[Source, str]],
    *,
    name: str,
    partitions: int,
    until: datetime | None = None,
    progress: Progress = _silent,
) -> Recording:
    """Read several sources, merged by arrival as ``firstword run --clock history`` merges them.

    Raises:
        InputProblem, WorldProblem: as :func:`record`.
    """
    recorder = _Recorder(partitions)
    try:
        for moment, one, translation in _merged(feeds):
            if until is not None and moment > until:
                break
            recorder.take(translation, one.place, moment)
            progress(1)
        return recorder.finish(name, until)
    except BaseException:
        with suppress(OSError):  # what could not be written is tried once more
            recorder.file.close()
        raise


def _merged(feeds: Iterable[tuple[Source, str]]) -> Iterator[Arrived]:
    """Merge the feeds by the time up to which each has come; one feed keeps its own order."""
    streams = [arrivals(source, location) for source, location in feeds]
    if len(streams) == 1:
        return streams[0]
    return heapq.merge(*streams, key=lambda arrived: arrived[0])


class _Recorder:
    """Takes what sources tell, finds the orders, and writes blocks; what the engine does, without folding."""

    def __init__(self, partitions: int) -> None:
        try:
            self.file = tempfile.TemporaryFile(buffering=_BUFFER)  # noqa: SIM115 - the recording closes it
        except OSError as error:
            raise _failed(error) from error
        self._counts: Counter[Count] = Counter()
        self._refused: Counter[str] = Counter()
        self._correlator = Correlator()
        self._open: list[list[Entry]] = [[] for _ in range(partitions)]
        self._index: list[list[tuple[int, int]]] = [[] for _ in range(partitions)]
        self._size = 0
        self._seen: dict[str, bytes] = {}
        self._began: datetime | None = None
        self._ended: datetime | None = None

    def take(self, translation: Translation, place: str, now: datetime) -> None:
        """Take what a record said, which arrived at ``now``."""
        self._expire(now)
        if isinstance(translation, Ignored):
            self._counts["ignored"] += 1
        elif isinstance(translation, Rejected):
            self._counts["in"] += 1
            self._refuse(translation)
        else:
            self._counts["in"] += len(translation)
            for incoming in translation:
                self._admit(incoming, place, now)

    def finish(self, name: str, until: datetime | None) -> Recording:
        """Close the last blocks and return what was recorded; who still waits at the end is parked."""
        if until is not None:
            self._expire(until)
        for partition, entries in enumerate(self._open):
            if entries:
                self._close(partition)
        try:
            self.file.flush()
        except OSError as error:
            raise _failed(error) from error
        recording = Recording(name, self.file, self._index)
        self._counts["parked"] = sum(map(len, self._correlator.parked.values()))
        recording.counts, recording.refused = self._counts, self._refused
        recording.began, recording.ended = self._began, self._ended
        return recording

    def _admit(self, incoming: Incoming, place: str, now: datetime) -> None:
        placed = self._correlator.place(incoming)
        if placed is None:
            self._park(incoming, place, now)
            return
        assert placed.order_id is not None  # that is what placing means
        if not (is_order(placed.order_id) and is_order(getattr(placed.fact, "replaces", None))):
            self._refuse(no_order())
            return
        self._write(placed, now)
        if isinstance(placed.fact, _TEACHES):
            key = self._correlator.learn(placed.order_id, placed.fact)
            for waiting in self._correlator.claim(key) if key is not None else ():
                claimed = self._correlator.place(waiting.incoming)
                assert claimed is not None  # its tracking number was learned a moment ago
                self._write(claimed, now)

    def _park(self, incoming: Incoming, place: str, now: datetime) -> None:
        if not number_of(incoming):
            self._refuse(no_key())
        elif self._correlator.waits(incoming):
            self._counts["duplicates"] += 1
        else:
            self._correlator.park(incoming, place, now)

    def _expire(self, now: datetime) -> None:
        for gone in self._correlator.expire(now):
            self._refuse(unclaimed(gone))

    def _refuse(self, reason: Rejected) -> None:
        self._counts["dead_letters"] += 1
        self._refused[reason.code] += 1

    def _write(self, incoming: Incoming, now: datetime) -> None:
        """Write an event; a second copy, too, as a journal holds it: the fold drops it."""
        order_id = incoming.order_id
        assert order_id is not None  # the caller found it
        mark = fingerprint(incoming.source, incoming.id)
        seen = self._seen.get(order_id, b"")
        if has_seen(seen, mark):
            self._counts["duplicates"] += 1
        else:
            self._counts["folded"] += 1
            self._seen[order_id] = seen + mark
        partition = partition_of(order_id, len(self._open))
        entries = self._open[partition]
        data = incoming.data if incoming.data is not None else encode_fact(incoming.fact)
        wire_type, occurred_at = incoming.fact.TYPE, incoming.occurred_at
        entries.append(Entry(order_id, incoming.id, incoming.source, wire_type, occurred_at, now, data))
        self._began, self._ended = self._began or now, now
        if len(entries) >= BLOCK_EVENTS:
            self._close(partition)

    def _close(self, partition: int) -> None:
        block = encode_block(self._open[partition])
        try:
            self.file.write(block)
        except OSError as error:
            raise _failed(error) from error
        self._index[partition].append((self._size, len(block)))
        self._size += len(block)
        self._open[partition] = []


def _failed(error: Exception) -> WorldProblem:
    return WorldProblem(
        "recording-failed",
        "the sources cannot be recorded",
        where=tempfile.gettempdir(),
        why=str(error),
        hint="a million events take some 300 MB there for as long as the command runs; TMPDIR names another folder",
    )
