"""The journal of the service as a history: read by offset, while workers write to the same topics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from streams.codec.envelope import Envelope, decode_envelope
from streams.codec.registry import decode_fact
from streams.ops.brokers import Onlooker, extents, looking, records
from streams.ops.history import Batch, Decided, Extent
from streams.problems import InputProblem, UsageProblem, WorldProblem
from streams.service.records import PUBLIC
from streams.service.topics import topics_of
from streams.settings import Settings

_ROLE = "history"


class JournalTopics:
    """The topics ``journal`` and ``decisions`` of a deployment, as far as they went when this was made.

    The ends of the journal are taken first. A decision about its last blocks may still be missing, where the
    fold has not come so far, and later ones may be there: each says the moment at which it was made.
    """

    def __init__(self, settings: Settings) -> None:
        """Ask how far the topics go.

        Raises:
            WorldProblem: ``topics-missing``, ``topic-partitions``, ``kafka-unreachable``, ``kafka-refused``,
                ``kafka-failed``, ``kafka-certificate``.
        """
        topics = topics_of(settings)
        self._settings = settings
        self._journal, self._decisions = topics.journal.name, topics.decisions.name
        self.name = f"{self._journal} at {settings.kafka}"
        with looking(settings, _ROLE) as consumer:
            self._extents = extents(consumer, self._journal, settings)
            self._decided = extents(consumer, self._decisions, settings)
        if len(self._extents) != len(self._decided):
            raise _unlike(self._journal, len(self._extents), self._decisions, len(self._decided), settings)

    def extents(self) -> Sequence[Extent]:
        """Return the partitions of the journal."""
        return self._extents

    def batches(self, partition: int, *, start: int | None = None) -> Iterator[Batch]:
        """Yield the blocks from the offset ``start`` to the end that was there at opening.

        Raises:
            WorldProblem: the codes of the constructor; the position is named.
        """
        extent = _of(self._extents, partition, self._journal)
        if start is not None and start > extent.first:
            extent = msgspec.structs.replace(extent, first=start)
        for record in records(self._settings, _ROLE, self._journal, extent):
            if record.value is not None:
                yield Batch(partition, record.offset, record.value)

    def decided(self, partition: int) -> Iterator[Decided]:
        """Yield the decisions and outcomes of a partition; a worker that died may have written some twice.

        Raises:
            WorldProblem: the codes of the constructor; the position is named.
            InputProblem: a newer program wrote a decision that this one does not know.
        """
        seen: set[str] = set()
        extent = _of(self._decided, partition, self._decisions)
        for record in records(self._settings, _ROLE, self._decisions, extent):
            envelope = _ours(record)
            if envelope is None or envelope.id in seen:
                continue
            seen.add(envelope.id)
            yield Decided(
                id=envelope.id,
                order_id=envelope.subject or "",
                type=envelope.type,
                now=envelope.time,
                fact=decode_fact(envelope.type, bytes(envelope.data)),
            )

    def close(self) -> None:
        """Do nothing: every reading lets go of its connection by itself."""


def _ours(record: Onlooker) -> Envelope | None:
    """Return what we said; None for what somebody else wrote to our public topic."""
    try:
        envelope = decode_envelope(record.value or b"")
    except InputProblem:
        return None
    return envelope if envelope.source == PUBLIC else None


def _of(known: Sequence[Extent], partition: int, topic: str) -> Extent:
    for extent in known:
        if extent.partition == partition:
            return extent
    raise UsageProblem(
        "partition-unknown",
        f"there is no partition {partition}",
        why=f"{topic} has {len(known)} partitions, from 0",
        hint="name one of them",
    )


def _unlike(journal: str, count: int, decisions: str, other: int, settings: Settings) -> WorldProblem:
    return WorldProblem(
        "topic-partitions",
        "the topics of one deployment have different numbers of partitions",
        where=settings.kafka,
        why=f"{journal} has {count} and {decisions} has {other}, so nobody knows where an order's decisions are",
        hint="`firstword topics check` says which one is wrong; another FIRSTWORD_TOPIC_PREFIX begins anew",
    )
