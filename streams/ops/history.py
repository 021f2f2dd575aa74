"""What operations read: events in the order in which they were once written down, and what was decided then.

A history is read and never written, and nobody notices: no offset is committed, no group is joined, no lock is
held. Implementations: :mod:`streams.ops.log_file` (a journal file), :mod:`streams.ops.log_kafka` (topics) and
:mod:`streams.ops.recording` (a source that was never journaled, merged as ingest would have merged it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from streams.core.events import AnyFact


class Batch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One journal block and where it stands; ``position`` is its offset or number, rising, gaps allowed."""

    partition: int
    position: int
    block: bytes


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision or an outcome, with the moment at which it was made; ``id`` is the decision's own."""

    id: str
    order_id: str
    type: str
    now: datetime
    fact: AnyFact


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a partition there was when the history was opened: positions ``first`` up to before ``end``."""

    partition: int
    first: int
    end: int


class History(Protocol):
    """Events as they were merged, one order always in one partition; its end was fixed when it was opened."""

    name: str
    """What messages call it: a path, or topics and brokers without their password."""

    def extents(self) -> Sequence[Extent]:
        """Return the partitions and how far each goes; a topic that moves on is read to this end."""
        ...

    def batches(self, partition: int, *, start: int | None = None) -> Iterator[Batch]:
        """Yield the blocks of a partition from ``start`` (its beginning) to its captured end.

        Raises:
            streams.problems.WorldProblem: it cannot be read any further; the position is named.
        """
        ...

    def decided(self, partition: int) -> Iterator[Decided]:
        """Yield what was decided then about the orders of a partition, each id once, in order for each order."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
