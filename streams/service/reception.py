"""What a record of a source means: events for the journal, a scan that waits, a dead letter, or nothing.

The twin of ``embedded/engine.py`` for one ingest worker of many. Nothing in it waits: the worker brings records
and the time, and takes away what is to be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition

from streams import telemetry
from streams.codec.blocks import EVERY_ORDER, Entry, decode_entries, tick
from streams.codec.envelope import EARLIEST, LATEST, decode_envelope
from streams.codec.registry import decode_fact, encode_fact
from streams.core.events import (
    AnyFact,
    CheckpointReached,
    FulfillmentCreated,
    OrderPlaced,
    ReturnLabelIssued,
    ShipmentCreated,
    TimePassed,
)
from streams.pipeline.correlate import Correlator, Owner, Parked, number_of
from streams.pipeline.dead_letters import as_native, bury, is_order, no_key, no_order, unclaimed
from streams.pipeline.ports import Incoming, Record, Rejected, Source
from streams.problems import InputProblem
from streams.service.arrival import Arrival
from streams.service.packing import Packer
from streams.service.parking import parked_key, parked_value
from streams.service.partition import partition_of
from streams.service.records import letter_record
from streams.service.topics import Topics
from streams.service.tracking import lesson
from streams.sources.reading import rejected

# Bytes of an event's data: a record may have 1,048,588 at the brokers, and names and times stand around the data.
LARGEST_EVENT = 1_000_000
OUTCOMES = "outcomes"
NATIVE = "native"

_TEACHES = (ShipmentCreated, FulfillmentCreated, ReturnLabelIssued)
_TICK = TimePassed.TYPE.encode()

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = int(datetime(EARLIEST, 1, 1, tzinfo=UTC).timestamp() * 1000)
_LATEST = int(datetime(LATEST + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)


class Reception:
    """Takes records of the source partitions that this worker reads."""

    def __init__(self, topics: Topics, packer: Packer, counts: Counter[tuple[str, str]]) -> None:
        self.correlator = Correlator()
        self._topics = topics
        self._count = topics.journal.partitions
        self._packer = packer
        self._counts = counts
        self._read_from: dict[tuple[str, str], TopicPartition] = {}  # source and id of a parked scan -> where
        self._told: Counter[str] = Counter()  # numbers -> lessons that we wrote, and have not read back

    # ------------------------------------------------------------------------ records

    def take(self, source: Source, records: Iterable[tuple[Arrival, datetime]]) -> None:
        """Take records of one source in their order, each with the time at which it is written down."""
        name, count = source.name, 0
        translate = source.translate
        for record, now in records:
            raw = record.value
            if raw is None:
                self._counts["ignored", name] += 1
                continue
            try:
                found = translate(Record(source=name, place=record.topic, position=record.offset, raw=raw))
            except Exception as error:  # noqa: BLE001 - a mistake in one adapter must not stop all sources
                found = _untranslated(name, error)
            if isinstance(found, tuple):
                count += len(found)
                for incoming in found:
                    self._admit(incoming, record, now)
            elif isinstance(found, Rejected):
                count += 1
                self._bury(name, place(record), found, raw, stamp(record) or now)
            else:
                self._counts["ignored", name] += 1
        self._counts["events_in", name] += count

    def take_outcomes(self, records: Iterable[Arrival], now: datetime | None) -> None:
        """Take what came of decisions; without ``now``, at the moment that the effects wrote down themselves."""
        for record in records:
            raw = record.value
            if raw is None:
                self._counts["ignored", OUTCOMES] += 1
                continue
            try:
                entries = decode_entries(raw)
                lessons = [
                    decode_fact(one.type, one.data) if one.type == ReturnLabelIssued.TYPE else None
                    for one in entries
                ]
            except InputProblem as problem:
                self._counts["events_in", OUTCOMES] += 1
                self._bury(OUTCOMES, place(record), rejected(problem), raw, stamp(record) or _BEGIN)
                continue
            self._counts["events_in", OUTCOMES] += len(entries)
            for one, fact in zip(entries, lessons, strict=True):
                at = now or one.recorded_at
                entry = Entry(one.order_id, one.id, one.source, one.type, one.occurred_at, at, one.data)
                self._packer.add(partition_of(one.order_id, self._count), entry)
                if fact is not None:
                    self._learn(one.order_id, fact, at)

    def take_tick(self, record: Arrival, now: datetime) -> bool:
        """Take the record of a history that only says how late it is; False when it says something else."""
        raw = record.value
        if raw is None or _TICK not in raw:
            return False
        try:
            envelope = decode_envelope(raw)
            fact = decode_fact(envelope.type, bytes(envelope.data))
        except InputProblem:
            return False
        if not isinstance(fact, TimePassed) or fact.order_id != EVERY_ORDER:
            return False
        for partition in range(self._count):
            self._packer.add(partition, tick(now))
        self._counts["ticks", ""] += 1
        return True

    def refuse_time(self, source: Source, record: Arrival, now: datetime) -> None:
        """Bury the record of a history that claims a time in which no event can be."""
        self._counts["events_in", source.name] += 1
        self._bury(source.name, place(record), _out_of_time(record.timestamp), record.value or b"", now)

    # ------------------------------------------------------------------------ one event

    def _admit(self, incoming: Incoming, record: Arrival, now: datetime) -> None:
        order_id = incoming.order_id
        if order_id is None:
            order_id = self._announced(incoming)
        if order_id is None:
            placed = self.correlator.place(incoming)
            if placed is None:
                self._park(incoming, record, now)
                return
            incoming = placed
            order_id = placed.order_id
            assert order_id is not None
        refusal = self._journal(incoming, order_id, now)
        if refusal is not None:
            self._bury_event(incoming, place(record), refusal, stamp(record) or now)
        elif isinstance(incoming.fact, _TEACHES):
            self._learn(order_id, incoming.fact, now)

    def _announced(self, incoming: Incoming) -> str | None:
        """Return whose parcel a scan tells of, where it writes the number just as it was announced.

        As ``Correlator.place`` finds it, without spelling out every number, which costs more than all of this.
        """
        fact = incoming.fact
        if not isinstance(fact, CheckpointReached) or fact.tracking_number is None:
            return None
        owner = self.correlator.owners.get(fact.tracking_number)
        if owner is None or owner.return_id is not None or owner.number != fact.tracking_number:
            return None
        return owner.order_id

    def _journal(
        self, incoming: Incoming, order_id: str, now: datetime, unparks: bytes | None = None
    ) -> Rejected | None:
        """Write an event down, or return why it cannot be."""
        fact, data = incoming.fact, incoming.data
        if data is None:
            data = encode_fact(fact)
        if len(data) > LARGEST_EVENT:
            return _too_large(len(data))
        if not is_order(order_id) or (isinstance(fact, OrderPlaced) and not is_order(fact.replaces)):
            return no_order()
        entry = Entry(order_id, incoming.id, incoming.source, fact.TYPE, incoming.occurred_at, now, data)
        self._packer.add(partition_of(order_id, self._count), entry, unparks)
        return None

    def _learn(self, order_id: str, fact: AnyFact, now: datetime) -> None:
        number = self.correlator.learn(order_id, fact)
        if number is None:
            return
        partition, key, value = lesson(
            number, self.correlator.owners[number], self._topics.tracking.partitions
        )
        self._packer.put(self._topics.tracking.name, partition, value, key=key)
        self._told[number] += 1
        self.claim(number, now)

    # ------------------------------------------------------------------------ scans that wait

    def hear(self, number: str, owner: Owner | None, now: datetime) -> None:
        """Note what a worker learned. What we told last stands until the topic has something behind it."""
        if number in self._told:
            self._told[number] -= 1
            if not self._told[number]:
                del self._told[number]
            return
        owners = self.correlator.owners
        if owner is None:
            owners.pop(number, None)
        elif owners.get(number) != owner:
            owners[number] = owner
            self.claim(number, now)

    def claim(self, number: str, now: datetime) -> None:
        """Write down the scans that waited for a number; they are told apart from the parked afterwards."""
        if number not in self.correlator.parked:
            return
        for waits in self.correlator.claim(number):
            self._claimed(waits, self._forget(waits), now)

    def _claimed(self, waits: Parked, read_from: TopicPartition, now: datetime) -> None:
        placed = self.correlator.place(waits.incoming)
        assert placed is not None  # its number is known
        assert placed.order_id is not None
        key = parked_key(read_from, waits)
        refusal = self._journal(placed, placed.order_id, now, key)
        if refusal is not None:
            self._bury_event(placed, waits.place, refusal, waits.since, key)

    def _park(self, incoming: Incoming, record: Arrival, now: datetime) -> None:
        if not number_of(incoming):
            self._bury_event(incoming, place(record), no_key(), stamp(record) or now)
            return
        if self.correlator.waits(incoming):
            self._counts["duplicates", ""] += 1
            return
        if incoming.data is not None and len(incoming.data) > LARGEST_EVENT:
            self._bury_event(incoming, place(record), _too_large(len(incoming.data)), stamp(record) or now)
            return
        read_from = TopicPartition(record.topic, record.partition)
        waits = self.correlator.park(incoming, place(record), now)
        self._read_from[incoming.source, incoming.id] = read_from
        topic = self._topics.parked
        key, value = parked_key(read_from, waits), parked_value(read_from, waits)
        self._packer.put(topic.name, record.partition % topic.partitions, value, key=key)
        self._counts["parked", ""] += 1
        telemetry.scan_parked(source=incoming.source, event_id=incoming.id)

    def restore(self, found: Sequence[tuple[TopicPartition, Parked]], now: datetime) -> None:
        """Take over the scans that wait for our source partitions; some numbers are known by now."""
        for read_from, waits in found:
            if self.correlator.waits(waits.incoming):
                self._unpark_copy(read_from, waits)
            elif self.correlator.place(waits.incoming) is not None:
                self._claimed(waits, read_from, now)
            else:
                self.correlator.restore(waits)
                self._read_from[waits.incoming.source, waits.incoming.id] = read_from

    def _unpark_copy(self, read_from: TopicPartition, waits: Parked) -> None:
        """Let one copy of a scan wait: the sources of two workers told it, and both are ours now."""
        if self._read_from[waits.incoming.source, waits.incoming.id] != read_from:
            topic = self._topics.parked
            key = parked_key(read_from, waits)
            self._packer.put(topic.name, read_from.partition % topic.partitions, None, key=key)

    def forget_parked(self) -> None:
        """Forget all waiting scans: their source partitions go to somebody else, or come back with them."""
        owners = self.correlator.owners
        self.correlator = Correlator()
        self.correlator.owners = owners
        self._read_from = {}

    def expire(self, now: datetime) -> None:
        """Bury the scans with which patience has ended."""
        for gone in self.correlator.expire(now):
            key = parked_key(self._forget(gone), gone)
            self._bury_event(
                gone.incoming, gone.place, unclaimed(gone), gone.since + self.correlator.patience, key
            )

    def parked_now(self) -> int:
        """Return how many scans wait."""
        return len(self._read_from)

    def _forget(self, waits: Parked) -> TopicPartition:
        return self._read_from.pop((waits.incoming.source, waits.incoming.id))

    # ------------------------------------------------------------------------ dead letters

    def set_aside(self, topic: str, problems: Collection[tuple[InputProblem, bytes, int]]) -> None:
        """Bury records of our own topics that nobody can read: the problem with its place, bytes, milliseconds."""
        for problem, raw, milliseconds in problems:
            self._bury(topic, problem.where, rejected(problem), raw, moment(milliseconds) or _BEGIN)

    def _bury_event(
        self, incoming: Incoming, place: str, reason: Rejected, at: datetime, unparks: bytes | None = None
    ) -> None:
        """Bury what was understood already as a CloudEvent: it can be sent again under its own id."""
        self._bury(NATIVE, place, reason, as_native(incoming), at, unparks)

    def _bury(
        self,
        source: str,
        place: str,
        reason: Rejected,
        raw: bytes,
        at: datetime,
        unparks: bytes | None = None,
    ) -> None:
        letter = bury(source, place, reason, raw, at)
        claimed = [unparks] if unparks is not None else []
        self._packer.put(
            self._topics.dead_letters.name, 0, letter_record(letter), key=letter.id.encode(), unparks=claimed
        )
        self._counts["dead_letters", reason.code] += 1
        telemetry.dead_letter_written(source=source, place=place, code=reason.code)


def place(record: Arrival) -> str:
    """Return where a person finds a record again."""
    return f"{record.topic}[{record.partition}]@{record.offset}"


def stamp(record: Arrival) -> datetime | None:
    """Return when a record was written, by whoever wrote it; None when that cannot be.

    A dead letter bears it: the same record, read again after a crash, is the same letter.
    """
    return moment(record.timestamp)


def moment(milliseconds: int) -> datetime | None:
    """Return milliseconds since 1970 as a time, or None outside the years that events have."""
    if not _EARLIEST <= milliseconds < _LATEST:
        return None
    return _BEGIN + timedelta(milliseconds=milliseconds)


def _untranslated(source: str, error: Exception) -> Rejected:
    return Rejected(
        code="source-failed",
        why=f"the source {source} failed on it: {type(error).__name__}: {error}"[:500],
        hint="this is a mistake of the program: report it with the record, upgrade, then redrive the letter",
    )


def _too_large(size: int) -> Rejected:
    return Rejected(
        code="record-too-large",
        why=f"the event's data has {size} bytes; the limit is {LARGEST_EVENT} bytes",
        hint="send one event per record, without what nobody needs",
    )


def _out_of_time(milliseconds: int) -> Rejected:
    return Rejected(
        code="time-out-of-range",
        why=f"the record's own time is {milliseconds} milliseconds since 1970, outside {EARLIEST} to {LATEST}",
        hint="write the history with the time at which each record came, in milliseconds",
    )
