"""The dead letters of the service: read as an onlooker, put back into the topic on which each record once came.

A letter that was put back gets a record without a value under its id in the topic of the letters: a mark that stays
with them. The records go first, the marks behind them: a process that dies in between puts some back twice, and
their events are dropped by their ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from streams.codec.blocks import decode_entries, encode_block, to_entry
from streams.codec.envelope import decode_envelope
from streams.codec.registry import decode_fact
from streams.core.events import Event
from streams.ops.brokers import Onlooker, acknowledged, extents, looking, records, speaking
from streams.ops.letters import Letter, hopeless, misunderstood
from streams.pipeline.correlate import Parked, number_of
from streams.pipeline.dead_letters import DeadLetter
from streams.pipeline.outcomes import SOURCE as EFFECTS
from streams.pipeline.parked import Written, parked_of
from streams.pipeline.ports import Record, Rejected, Source
from streams.problems import InputProblem
from streams.service.partition import partition_of
from streams.service.records import read_letter, read_outbox
from streams.service.topics import topics_of
from streams.settings import Settings
from streams.sources.reading import rejected

_ROLE = "letters"
_NATIVE, _OUTBOX, _OUTCOMES, _JOURNAL = "native", "outbox", "outcomes", "journal"
_PLACE = re.compile(r"(?P<topic>[^\[\]]+)\[(?P<partition>\d+)\]@(?P<offset>\d+)")
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_decode_parked = msgspec.msgpack.Decoder(tuple[str, int, *get_args(Written)]).decode  # type: ignore[misc]  # as service/parking.py writes it


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """Where a letter's record goes: ``partition`` None lets its key choose."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    partition: int | None = None
    timestamp: int | None = None


class TopicLetters:
    """The letters and the parked scans of a deployment, as they were when they were asked for."""

    def __init__(self, settings: Settings, sources: Mapping[str, Source] | None = None) -> None:
        """Prepare, without connecting; ``sources`` are today's adapters, by default those that are installed.

        Raises:
            UsageProblem: ``topic-twice``.
        """
        self.settings = settings
        self.topics = topics_of(settings)
        self.name = f"{self.topics.dead_letters.name} at {settings.kafka}"
        self._sources = sources

    def letters(self) -> Iterator[Letter]:
        """Yield every letter once, oldest first.

        Raises:
            WorldProblem: the codes of :func:`streams.ops.brokers.looking`; ``topics-missing``.
        """
        marks = {
            one.key: moment(one)
            for one in self._everything(self.topics.dead_letters.name)
            if one.value is None
        }
        seen: set[str] = set()
        for record in self._everything(self.topics.dead_letters.name):
            dead = _letter(record)
            if dead is None or dead.id in seen:
                continue
            seen.add(dead.id)
            put_back = marks.get(dead.id.encode())
            yield Letter(dead=dead, state="redriven" if put_back else "open", redriven_at=put_back)

    def parked(self) -> Iterator[Parked]:
        """Yield the scans that wait, oldest first.

        Raises:
            WorldProblem: as :meth:`letters`.
        """
        waiting: dict[bytes | None, Parked] = {}
        for record in self._everything(self.topics.parked.name):
            waits = _parked(record)
            if waits is None:
                waiting.pop(record.key, None)
            else:
                waiting[record.key] = waits
        yield from sorted(waiting.values(), key=lambda one: (one.since, one.key, one.incoming.id))

    def refusal(self, dead: DeadLetter) -> Rejected | None:
        """Return why it would be of no use to put a letter back today, or None."""
        reason = hopeless(dead)
        if reason is not None:
            return reason
        try:
            if dead.source == _OUTBOX:
                read_outbox(dead.raw)
            elif dead.source == _OUTCOMES:
                decode_entries(dead.raw)
            elif dead.source in {_JOURNAL, self.topics.tracking.name, self.topics.parked.name}:
                return _ours(dead)
            elif _outcome(dead) is None:
                return self._foreign(dead)
        except InputProblem as problem:
            return rejected(problem)
        return None

    def put_back(self, letters: Sequence[DeadLetter], now: datetime) -> int:
        """Send the records again, wait for the brokers, and mark the letters.

        Raises:
            WorldProblem: the codes of :func:`streams.ops.brokers.telling`; doing it again does no harm.
        """
        if not letters:
            return 0
        counts = self._partitions()
        ways = [self.way(one, counts) for one in letters]
        topic, at = self.topics.dead_letters.name, _milliseconds(now)
        marks = [
            Way(topic=topic, value=None, key=one.id.encode(), partition=0, timestamp=at) for one in letters
        ]
        with speaking(self.settings, _ROLE) as producer:
            _send(producer, ways)
            _send(producer, marks)
        return len(letters)

    def close(self) -> None:
        """Do nothing: every reading lets go of its connection by itself."""

    def way(self, dead: DeadLetter, partitions: Mapping[str, int]) -> Way:
        """Return where the record of a letter goes; ``partitions`` are those of the topics that are there."""
        found = _PLACE.match(dead.place)
        came = (found["topic"], int(found["partition"])) if found is not None else ("", 0)
        if dead.source == _OUTBOX:
            return Way(topic=self.topics.outbox.name, value=dead.raw, partition=came[1])
        if dead.source == _OUTCOMES:
            return Way(topic=self.topics.outcomes.name, value=dead.raw, partition=came[1])
        outcome = _outcome(dead)
        if outcome is not None:
            to = partition_of(outcome.order_id, self.topics.outcomes.partitions)
            block = encode_block([to_entry(outcome)])
            return Way(topic=self.topics.outcomes.name, value=block, partition=to)
        topic = self._topic(dead.source, came[0])
        # The same partition where there is one: what its owner parks waits for that owner.
        partition = came[1] if topic == came[0] and came[1] < partitions.get(topic, 0) else None
        is_history = self.settings.clock == "history"  # there a record's own time is the time that counts
        at = _milliseconds(dead.at) if is_history else None
        return Way(topic=topic, value=dead.raw, key=self._key(dead), partition=partition, timestamp=at)

    def _key(self, dead: DeadLetter) -> bytes | None:
        """Return the order that a record tells of, or the tracking number: what such a topic is keyed by."""
        found = self._adapters()[dead.source].translate(
            Record(source=dead.source, place=dead.place, position=0, raw=dead.raw)
        )
        if not isinstance(found, tuple) or not found:
            return None
        return (found[0].order_id or number_of(found[0])).encode() or None

    def _topic(self, source: str, came: str) -> str:
        """Return the topic on which a record came, or the first that its source understands."""
        fits = [topic for topic, name in self.topics.sources.items() if name == source]
        return came if came in fits else fits[0]

    def _foreign(self, dead: DeadLetter) -> Rejected | None:
        if dead.source not in self.topics.sources.values():
            return Rejected(
                code="source-unread",
                why=f"no topic is read by the source {dead.source}, so nobody would take the record",
                hint="name its topic in FIRSTWORD_TOPICS, as the ingest workers have it",
            )
        return misunderstood(dead, self._adapters())

    def _adapters(self) -> Mapping[str, Source]:
        if self._sources is None:
            from streams.sources import discover

            self._sources = discover()
        return self._sources

    def _everything(self, topic: str) -> Iterator[Onlooker]:
        with looking(self.settings, _ROLE) as consumer:
            found = extents(consumer, topic, self.settings)
        for extent in found:
            yield from records(self.settings, _ROLE, topic, extent)

    def _partitions(self) -> dict[str, int]:
        with looking(self.settings, _ROLE) as consumer:
            return {topic: len(consumer.partitions_for_topic(topic) or ()) for topic in self.topics.sources}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def moment(record: Onlooker) -> datetime:
    """Return when a record was written, by its own time."""
    return _BEGIN + timedelta(milliseconds=record.timestamp)


def _letter(record: Onlooker) -> DeadLetter | None:
    """Return the letter in a record; None for a mark, and for what somebody else wrote there."""
    if record.value is None:
        return None
    try:
        return read_letter(record.value)
    except InputProblem:
        return None


def _parked(record: Onlooker) -> Parked | None:
    """Return the scan in a record; None when it waits no longer, or is none of ours."""
    if record.value is None:
        return None
    try:
        _, _, *values = _decode_parked(record.value)
        return parked_of(tuple(values))
    except (msgspec.DecodeError, UnicodeDecodeError, InputProblem):
        return None


def _outcome(dead: DeadLetter) -> Event | None:
    """Return what came of a decision, where an order could not take it; None for whatever came from outside."""
    if dead.source != _NATIVE:
        return None
    try:
        envelope = decode_envelope(dead.raw)
        if envelope.source != EFFECTS:
            return None
        fact = decode_fact(envelope.type, bytes(envelope.data))
    except InputProblem:
        return None
    if fact.order_id is None:
        return None
    return Event(
        id=envelope.id,
        source=envelope.source,
        order_id=fact.order_id,
        occurred_at=envelope.time,
        recorded_at=dead.at,
        fact=fact,
    )


def _ours(dead: DeadLetter) -> Rejected:
    return Rejected(
        code="letter-ours",
        why=f"the record stands in a topic that only we write, at {dead.place}: nobody sent it, so nobody sends it again",
        hint="look at who may write to that topic; a fold that begins anew with today's program reads it again",
    )


def _send(producer: Any, ways: Iterable[Way]) -> None:
    """Send records, and return when the brokers have every one."""
    sent = [
        producer.send(one.topic, one.value, key=one.key, partition=one.partition, timestamp_ms=one.timestamp)
        for one in ways
    ]
    acknowledged(producer, sent)
