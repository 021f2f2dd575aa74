"""How the service stands at the brokers: copies in step, workers at work, and what waits for each of them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.clock import stopwatch
from streams.ops.brokers import TopicPartition, looking, telling
from streams.service.connection import connection
from streams.service.topics import topics_of
from streams.settings import Settings

with warnings.catch_warnings():  # as in streams/ops/brokers.py
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

PAUSE = 3.0  # seconds between two looks at who is behind; workers commit twice a second
_ANSWER_WITHIN = 10_000  # milliseconds
_STARTING = 10.0  # seconds for brokers that have just begun to know who keeps which group
_GROUPS = "__consumer_offsets"  # Kafka makes it when the first group comes
_RECORD_WITHIN = 3.0  # seconds for a record that is there
_LITTLE = 64 * 1024  # bytes per partition: one record is enough, and Kafka gives at least one
Positions = dict[TopicPartition, int]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The workers of one role; ``taken`` are records in the ``seconds`` between two looks, None after a single one.

    ``oldest`` is when the oldest record that waits was written.
    """

    role: str
    name: str
    workers: int
    behind: int
    taken: int | None = None
    seconds: float = PAUSE
    oldest: datetime | None = None


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """What the brokers say; ``lagging`` are topics of which a partition has a copy too few or no leader.

    ``newest`` is when the newest record of the journal was written, by the clock of the worker that wrote it.
    """

    brokers: int
    lagging: tuple[str, ...]
    newest: datetime | None
    groups: tuple[Group, ...]


def look(settings: Settings, *, pause: float = PAUSE) -> Cluster:
    """Ask the brokers; nothing is joined, committed or changed. Where something waits, they are asked twice.

    Raises:
        WorldProblem: ``kafka-unreachable``, ``kafka-refused``, ``kafka-failed``, ``kafka-certificate``.
    """
    watched = _watched(settings)
    journal = topics_of(settings).journal.name
    with (
        looking(settings, "doctor", max_partition_fetch_bytes=_LITTLE, max_poll_records=50) as consumer,
        _asking(settings) as admin,
    ):
        topics = {one["name"]: one["partitions"] for one in admin.describe_topics() if not one["error_code"]}
        ours = [*_ours(settings), *(name for names in watched.values() for name in names)]
        return Cluster(
            brokers=len(admin.describe_cluster()["brokers"]),
            lagging=tuple(name for name in dict.fromkeys(ours) if _is_lagging(topics.get(name, ()))),
            newest=_newest(consumer, journal, topics.get(journal, ())),
            groups=tuple(_groups(settings, watched, topics, consumer, admin, pause)),
        )


def _ours(settings: Settings) -> list[str]:
    return [one.name for one in topics_of(settings).ours()]


def _watched(settings: Settings) -> dict[str, list[str]]:
    """Return what each role reads."""
    topics = topics_of(settings)
    return {
        "ingest": [*topics.sources, topics.outcomes.name],
        "fold": [topics.journal.name],
        "effects": [topics.outbox.name],
    }


@contextmanager
def _asking(settings: Settings) -> Iterator[Any]:
    with telling(settings):
        admin = KafkaAdminClient(
            **connection(settings, "doctor"),
            bootstrap_timeout_ms=_ANSWER_WITHIN,
            request_timeout_ms=_ANSWER_WITHIN,
        )
        try:
            yield admin
        finally:
            admin.close()


def _is_lagging(partitions: Sequence[Mapping[str, Any]]) -> bool:
    return any(
        one["leader_id"] < 0 or len(one["isr_nodes"]) < len(one["replica_nodes"]) for one in partitions
    )


# ---------------------------------------------------------------------------- who is behind


def _groups(
    settings: Settings,
    watched: Mapping[str, Sequence[str]],
    topics: Mapping[str, Sequence[Any]],
    consumer: Any,
    admin: Any,
    pause: float,
) -> Iterator[Group]:
    names = {role: f"{settings.topic_prefix}-{role}" for role in watched}
    places = {
        role: [TopicPartition(name, one["partition_index"]) for name in read for one in topics.get(name, ())]
        for role, read in watched.items()
    }
    asked = admin if _GROUPS in topics else None
    members = _members(asked, list(names.values()))
    done = {role: _done(consumer, asked, names[role], places[role]) for role in watched}
    waiting = {role: _waiting(consumer, done[role]) for role in watched}
    later = done
    if any(waiting[role] and members.get(name) for role, name in names.items()):
        time.sleep(pause)
        later = {role: _done(consumer, asked, names[role], places[role]) for role in watched}
    for role, name in names.items():
        yield Group(
            role=role,
            name=name,
            workers=members.get(name, 0),
            behind=sum(waiting[role].values()),
            taken=None if later is done else sum(later[role][at] - done[role][at] for at in done[role]),
            seconds=pause,
            oldest=_oldest(consumer, {at: done[role][at] for at in waiting[role]}),
        )


def _members(admin: Any, names: Sequence[str]) -> dict[str, int]:
    """Return how many workers each group has; where there was never a group, nobody is asked."""
    if admin is None:
        return {}
    since = stopwatch()
    while True:
        try:
            return {name: len(said["members"]) for name, said in admin.describe_groups(list(names)).items()}
        except KafkaError as error:
            if not error.retriable or stopwatch() - since > _STARTING:
                raise
        time.sleep(0.2)


def _done(consumer: Any, admin: Any, group: str, places: Sequence[TopicPartition]) -> Positions:
    """Return how far a group has come in each partition; where it never was, it would begin at the first record."""
    committed = admin.list_group_offsets({group: None}).get(group, {}) if admin is not None else {}
    firsts = consumer.beginning_offsets(list(places)) if places else {}
    return {at: max(committed[at].offset if at in committed else 0, firsts[at]) for at in places}


def _waiting(consumer: Any, done: Positions) -> Positions:
    ends = consumer.end_offsets(list(done)) if done else {}
    return {at: ends[at] - position for at, position in done.items() if ends[at] > position}


# ---------------------------------------------------------------------------- when records were written


def _newest(consumer: Any, topic: str, partitions: Sequence[Mapping[str, Any]]) -> datetime | None:
    places = [TopicPartition(topic, one["partition_index"]) for one in partitions]
    if not places:
        return None
    firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    times = _times(consumer, {at: ends[at] - 1 for at in places if ends[at] > firsts[at]})
    return max(times, default=None)


def _oldest(consumer: Any, positions: Positions) -> datetime | None:
    return min(_times(consumer, positions), default=None)


def _times(consumer: Any, positions: Positions) -> list[datetime]:
    """Return when the first record at or behind each position was written, where one comes in time."""
    if not positions:
        return []
    consumer.assign(list(positions))
    for at, position in positions.items():
        consumer.seek(at, position)
    found: dict[TopicPartition, int] = {}
    since = stopwatch()
    while len(found) < len(positions) and stopwatch() - since < _RECORD_WITHIN:
        for at, some in consumer.poll(timeout_ms=200).items():
            found.setdefault(at, some[0].timestamp)
    return [datetime.fromtimestamp(moment / 1000, UTC) for moment in found.values()]
