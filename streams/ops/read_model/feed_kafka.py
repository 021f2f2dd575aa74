"""The topics of a deployment, read on as an onlooker: blocks, decisions, mails with their letters, what was set aside.

The topics do not wait for each other. A decision may come before the event that led to it, or long after, where
the fold is behind: the tables take them in any order, and are right when all has been read.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final, Protocol, get_args

import msgspec

from streams.clock import stopwatch
from streams.codec.blocks import decode_entries
from streams.codec.envelope import decode_envelope
from streams.codec.registry import decode_fact
from streams.core.events import MessageQueued
from streams.embedded.journal import LoggedDecision
from streams.ops import brokers
from streams.ops.brokers import PATIENCE, extents, looking, telling, unreachable
from streams.ops.letters_kafka import moment
from streams.ops.read_model.columns import parked_key
from streams.ops.read_model.portions import Heard, Place, Portion, Reached
from streams.pipeline.parked import Written, parked_of
from streams.problems import InputProblem, WorldProblem
from streams.service.records import PUBLIC, read_letter, read_outbox
from streams.service.topics import topics_of
from streams.settings import Settings

with warnings.catch_warnings():  # it reads its own files by a function that Python 3.11 calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import TopicPartition

_ROLE: Final = "read-model"
_BLOCKS: Final = 16  # full blocks of one portion: 4,096 events
_RECORDS: Final = 4096  # of the other topics
_WAIT: Final = 200  # milliseconds per question
JOURNAL, DECISIONS, OUTBOX, LETTERS, PARKED = "journal", "decisions", "outbox", "dead letters", "parked"
_decode_parked = msgspec.msgpack.Decoder(tuple[str, int, *get_args(Written)]).decode  # type: ignore[misc]  # as service/parking.py writes it


class Onlooker(brokers.Onlooker, Protocol):
    """A record that says which topic it stands in."""

    topic: str


class TopicsFeed:
    """Connects when it is first asked, in the thread that asks; not to be shared between threads."""

    def __init__(self, settings: Settings) -> None:
        """Prepare, without connecting.

        Raises:
            UsageProblem: ``topic-twice``.
        """
        topics = topics_of(settings)
        self._settings = settings
        self._streams: Mapping[str, str] = {
            topics.journal.name: JOURNAL,
            topics.decisions.name: DECISIONS,
            topics.outbox.name: OUTBOX,
            topics.dead_letters.name: LETTERS,
            topics.parked.name: PARKED,
        }
        self.name = f"{topics.journal.name} at {settings.kafka}"
        self._open = ExitStack()
        self._readers: list[_Reader] = []
        self._stands: dict[Place, int] | None = None

    def close(self) -> None:
        """Let go of the brokers."""
        self._open.close()

    def identity(self) -> str:
        """Return the name of the deployment: its topics are kept for ever."""
        return f"topics {self._settings.topic_prefix}"

    def mark(self, reached: Reached) -> str:  # noqa: ARG002 - the port's signature
        """Return nothing: an offset is never written twice, and one behind the end is told by :meth:`next`."""
        return ""

    def again(self) -> None:
        """Look anew where to read on."""
        self._stands = None

    def next(self, reached: Reached) -> Portion | None:
        """Return what has come, or None when everything that is there was read.

        Raises:
            WorldProblem: the codes of :func:`streams.ops.brokers.looking`; ``topics-missing``; ``read-model-ahead``.
        """
        with telling(self._settings):
            if not self._readers:
                self._connect()
            if self._stands != dict(reached):
                self._seek(reached)
            portion = Portion(reached={})
            for reader in self._readers:
                for record in reader.some(self._settings):
                    self._take(portion, record)
        if not portion.reached:
            return None
        self._stands = {**reached, **portion.reached}
        return portion

    def _connect(self) -> None:
        for names, most in ((JOURNAL,), _BLOCKS), ((DECISIONS, OUTBOX, LETTERS, PARKED), _RECORDS):
            consumer = self._open.enter_context(looking(self._settings, _ROLE, max_poll_records=most))
            places = [
                TopicPartition(topic, extent.partition)
                for topic, stream in self._streams.items()
                if stream in names
                for extent in extents(consumer, topic, self._settings)
            ]
            consumer.assign(places)
            self._readers.append(_Reader(consumer, places))

    def _seek(self, reached: Reached) -> None:
        """Stand behind what was read; what was deleted meanwhile (old outbox records) is passed over."""
        for reader in self._readers:
            firsts, ends = reader.bounds()
            for at in reader.places:
                wanted = reached.get((self._streams[at.topic], at.partition), -1) + 1
                if wanted > ends[at]:
                    raise _ahead(f"{at.topic}[{at.partition}]", wanted, ends[at])
                reader.consumer.seek(at, max(wanted, firsts[at]))
        self._stands = dict(reached)

    def _take(self, portion: Portion, record: Onlooker) -> None:
        stream = self._streams[record.topic]
        portion.reached[stream, record.partition] = record.offset
        with suppress(InputProblem):  # not ours, or set aside by the worker that reads it for a living
            _TAKEN[stream](portion, record)


class _Reader:
    """A consumer of some places, and how it waits for what must come."""

    def __init__(self, consumer: Any, places: Sequence[Any]) -> None:
        self.consumer = consumer
        self.places = places

    def bounds(self) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
        """Return the beginnings and the ends of the places."""
        return self.consumer.beginning_offsets(self.places), self.consumer.end_offsets(self.places)

    def some(self, settings: Settings) -> Iterator[Onlooker]:
        """Yield some records; none only when all that is there was read.

        Raises:
            WorldProblem: ``kafka-unreachable``: nothing comes, though there is more.
        """
        began = stopwatch()
        while True:
            found = self.consumer.poll(timeout_ms=_WAIT)
            if found:
                for records in found.values():
                    yield from records
                return
            _, ends = self.bounds()
            if all(self.consumer.position(at) >= ends[at] for at in self.places):
                return
            if stopwatch() - began > PATIENCE:
                raise unreachable(settings, f"nothing came for {PATIENCE:.0f} seconds")


def _hear(portion: Portion, record: Onlooker) -> None:
    entries = decode_entries(record.value or b"")
    portion.heard += [Heard(record.offset, place, entry) for place, entry in enumerate(entries)]


def _decide(portion: Portion, record: Onlooker) -> None:
    envelope = decode_envelope(record.value or b"")
    if envelope.source != PUBLIC:
        return
    portion.decided.append(
        LoggedDecision(
            number=record.offset,
            id=envelope.id,
            type=envelope.type,
            now=envelope.time,
            fact=decode_fact(envelope.type, bytes(envelope.data)),
        )
    )


def _keep(portion: Portion, record: Onlooker) -> None:
    decisions = (one.decision for one in read_outbox(record.value or b""))
    portion.letters += [one for one in decisions if isinstance(one, MessageQueued)]


def _bury(portion: Portion, record: Onlooker) -> None:
    if record.value is None:
        portion.redriven[(record.key or b"").decode()] = moment(record)
    else:
        portion.dead.append(read_letter(record.value))


def _park(portion: Portion, record: Onlooker) -> None:
    """Take a scan that waits, or the word that it waits no longer: the last word counts."""
    _, _, identity = (record.key or b"").decode("utf-8", "replace").partition("\x1f")
    source, _, event_id = identity.partition("\x1f")
    row = parked_key(source, event_id)
    portion.parked[row] = None
    if record.value is None:
        return
    try:
        _, _, *values = _decode_parked(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    portion.parked[row] = parked_of(tuple(values))


_TAKEN: Final = {JOURNAL: _hear, DECISIONS: _decide, OUTBOX: _keep, LETTERS: _bury, PARKED: _park}


def _ahead(place: str, wanted: int, end: int) -> WorldProblem:
    return WorldProblem(
        "read-model-ahead",
        "the read model has read more than there is",
        where=f"{place}@{wanted}",
        why=f"it ends at {end}: the topics were made anew, or these are the brokers of another deployment",
        hint="check FIRSTWORD_KAFKA and FIRSTWORD_TOPIC_PREFIX; where they are right, drop the tables read_*",
    )
