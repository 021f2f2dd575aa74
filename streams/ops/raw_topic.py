"""A source that lies in a topic: its records as they were sent, read by offset like a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from streams.ops.ahead import Ahead
from streams.ops.brokers import extents, looking, records
from streams.ops.history import Extent
from streams.pipeline.ports import Record, Source, Translation
from streams.settings import Settings

_ROLE = "replay"
_OPTIONS = {"isolation_level": "read_committed"}  # what a shop's transaction took back was never said


class RawTopic:
    """A topic of somebody else, in the language of ``source``; its end is fixed when this is made.

    What is read from the beginning is fetched by a process of its own, one for all partitions that are read at
    the same time.
    """

    def __init__(self, settings: Settings, topic: str, source: Source) -> None:
        """Ask how far the topic goes.

        Raises:
            WorldProblem: ``topics-missing``, ``kafka-unreachable``, ``kafka-refused``, ``kafka-failed``,
                ``kafka-certificate``.
        """
        self.name = source.name
        self.topic = topic
        self._settings = settings
        self._source = source
        with looking(settings, _ROLE, **_OPTIONS) as consumer:
            self._extents = extents(consumer, topic, settings)
        self._ahead: Ahead | None = None
        self._reading: set[int] = set()  # partitions of that process that somebody reads, or has read
        self._readers = 0

    def feeds(self) -> Sequence[tuple[Source, str]]:
        """Return one feed for each partition: each keeps an order of its own, and they are merged by time."""
        return [(self, self._location(extent.partition)) for extent in self._extents]

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield the records behind an offset; ``location`` is that of one of :meth:`feeds`.

        Raises:
            WorldProblem: the codes of the constructor; the position is named.
        """
        (extent,) = (one for one in self._extents if self._location(one.partition) == location)
        found = self._from_the_beginning(extent) if after < extent.first else self._behind(extent, after)
        for offset, raw in found:
            yield Record(source=self.name, place=f"{location}@{offset}", position=offset, raw=raw)

    def translate(self, record: Record) -> Translation:
        """Return the facts in a record, as the source reads them."""
        return self._source.translate(record)

    def _behind(self, extent: Extent, after: int) -> Iterator[tuple[int, bytes]]:
        rest = msgspec.structs.replace(extent, first=after + 1)
        for one in records(self._settings, _ROLE, self.topic, rest, **_OPTIONS):
            yield one.offset, one.value or b""

    def _from_the_beginning(self, extent: Extent) -> Iterator[tuple[int, bytes]]:
        """Read with the others that read now; a partition that is read twice is none of them the second time."""
        if extent.partition in self._reading:
            yield from self._behind(extent, extent.first - 1)
            return
        if self._ahead is None:
            self._ahead = Ahead(self._settings, _ROLE, self.topic, self._extents, _OPTIONS)
        self._reading.add(extent.partition)
        self._readers += 1
        try:
            yield from self._ahead.records(extent.partition)
        finally:
            self._readers -= 1
            if self._readers == 0:
                self._ahead.close()
                self._ahead, self._reading = None, set()

    def _location(self, partition: int) -> str:
        return f"{self.topic}[{partition}]"
