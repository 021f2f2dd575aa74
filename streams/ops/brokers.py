"""Reads Kafka as an onlooker: by offset, in no group, to an end that was fixed before; nothing is committed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from streams.clock import stopwatch
from streams.ops.history import Extent
from streams.problems import WorldProblem
from streams.service.connection import connection, refused
from streams.service.topics import LARGEST_RECORD
from streams.settings import Settings

with warnings.catch_warnings():  # it reads its own files by a function that Python 3.11 calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka import errors as refusals
    from kafka.net.compat import KafkaNetClient
    from kafka.record import util as checksums

__all__ = [
    "PATIENCE",
    "Onlooker",
    "TopicPartition",
    "acknowledged",
    "extents",
    "looking",
    "records",
    "speaking",
    "telling",
    "unreachable",
]

PATIENCE = 30.0  # seconds without a record before the end: a leader is elected in a few
_ANSWER_WITHIN = 10_000  # milliseconds to find the brokers
_FETCH = 8 * 1024 * 1024  # bytes per partition and fetch: some 60 full blocks
_WAIT = 500  # milliseconds per question
_AT_ONCE = 2000  # records handed over at a time
_WITHIN = 60  # seconds for the brokers to acknowledge everything that was sent


class Onlooker(Protocol):
    """A record as kafka-python hands it over: what we read of it, with types."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@contextmanager
def looking(settings: Settings, role: str, **options: Any) -> Iterator[Any]:
    """Connect a consumer that leaves no trace; what it raises comes out as a problem.

    It may not outlive a fork: kafka-python works in a thread of its own.

    Raises:
        WorldProblem: ``kafka-unreachable``, ``kafka-refused``, ``kafka-failed``, ``kafka-certificate``.
    """
    chosen = {
        **connection(settings, role),
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",  # a position that is gone is said, and never skipped
        "allow_auto_create_topics": False,
        "bootstrap_timeout_ms": _ANSWER_WITHIN,
        "max_partition_fetch_bytes": _FETCH,
        "fetch_max_bytes": 4 * _FETCH,
        "max_poll_records": _AT_ONCE,
        "metrics_enabled": False,
        # The client checks sums in Python unless it finds a library, which takes longer than the fold. The broker
        # has checked each when it was written, and a block that was damaged since cannot be unpacked.
        "check_crcs": checksums.crc32c_c is not None,
        **options,
    }
    with telling(settings):
        consumer = _connected(chosen)
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False)


def _connected(options: dict[str, Any]) -> Any:
    """Return a consumer that has found the brokers; one that has not leaves its sockets open, so we close them."""
    made: list[Any] = []

    def client(*arguments: Any, **named: Any) -> Any:
        made.append(KafkaNetClient(*arguments, **named))
        return made[-1]

    try:
        return KafkaConsumer(**options, kafka_client=client)
    except BaseException:
        for one in made:
            one.close()
        raise


@contextmanager
def speaking(settings: Settings, role: str) -> Iterator[Any]:
    """Connect a producer whose retries double nothing and whose records are acknowledged by all replicas.

    Raises:
        WorldProblem: the codes of :func:`telling`, and ``kafka-certificate``.
    """
    with telling(settings):
        producer = KafkaProducer(
            **connection(settings, role),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            max_request_size=LARGEST_RECORD,
            max_block_ms=_ANSWER_WITHIN,
            delivery_timeout_ms=_WITHIN * 1000,
            bootstrap_timeout_ms=_ANSWER_WITHIN,
            metrics_enabled=False,
        )
        try:
            yield producer
        finally:
            producer.close(timeout=10)


def acknowledged(producer: Any, sent: Iterable[Any]) -> None:
    """Return when the brokers have everything that was sent.

    Raises:
        kafka.errors.KafkaError: they refused a record, or did not answer in time.
    """
    producer.flush(timeout=_WITHIN)
    for one in sent:
        one.get(timeout=_WITHIN)


@contextmanager
def telling(settings: Settings) -> Iterator[None]:
    """Let what the brokers or their client raise come out as a problem.

    Raises:
        WorldProblem: ``kafka-unreachable``, ``kafka-refused``, ``kafka-failed``.
    """
    try:
        yield
    except (refusals.KafkaConnectionError, refusals.KafkaTimeoutError, OSError) as error:
        raise unreachable(settings, f"{type(error).__name__}: {error}") from error
    except refusals.KafkaError as error:
        raise _failed(settings, error) from error


def extents(consumer: Any, topic: str, settings: Settings) -> tuple[Extent, ...]:
    """Return how far each partition of a topic goes now.

    Raises:
        WorldProblem: ``topics-missing``.
    """
    places = [TopicPartition(topic, one) for one in sorted(consumer.partitions_for_topic(topic) or ())]
    if not places:
        raise WorldProblem(
            "topics-missing",
            f"the brokers do not have {topic}",
            where=settings.kafka,
            why="it was never made, or we may not see it",
            hint="check FIRSTWORD_TOPIC_PREFIX and the name; `firstword topics check` lists ours",
        )
    firsts, ends = consumer.beginning_offsets(places), consumer.end_offsets(places)
    return tuple(Extent(partition=at.partition, first=firsts[at], end=ends[at]) for at in places)


def records(settings: Settings, role: str, topic: str, extent: Extent, **options: Any) -> Iterator[Onlooker]:
    """Yield the records of a partition from the first to the end that ``extent`` names.

    Raises:
        WorldProblem: the codes of :func:`looking`; the position that could not be read is named.
    """
    if extent.first >= extent.end:
        return
    place, at = TopicPartition(topic, extent.partition), extent.first
    try:
        with looking(settings, role, **options) as consumer:
            consumer.assign([place])
            consumer.seek(place, extent.first)
            for some in _polled(consumer, place, extent.end, settings):
                for record in some:
                    if record.offset >= extent.end:
                        return
                    yield record
                    at = record.offset + 1
    except WorldProblem as problem:
        problem.where += f", {topic}[{extent.partition}]@{at}"
        raise


def _polled(consumer: Any, place: Any, end: int, settings: Settings) -> Iterator[Sequence[Onlooker]]:
    """Yield what comes until the consumer stands at the end: the last offsets may hold no record."""
    position, since = -1, stopwatch()
    while (now_at := consumer.position(place)) < end:
        if now_at != position:
            position, since = now_at, stopwatch()
        elif stopwatch() - since > PATIENCE:
            raise unreachable(settings, f"nothing came for {PATIENCE:.0f} seconds")
        yield consumer.poll(timeout_ms=_WAIT).get(place, ())


def unreachable(settings: Settings, why: str) -> WorldProblem:
    """Return the problem of brokers that do not answer."""
    return WorldProblem(
        "kafka-unreachable",
        "the Kafka brokers do not answer",
        where=settings.kafka,
        why=why,
        hint="check FIRSTWORD_KAFKA and FIRSTWORD_KAFKA_SECURITY; `firstword topics check` tries again",
        retriable=True,
    )


def _failed(settings: Settings, error: Exception) -> WorldProblem:
    why = f"{type(error).__name__}: {error}"
    if isinstance(error, refusals.AuthorizationError | refusals.SaslAuthenticationFailedError):
        return refused(settings, why)
    return WorldProblem(
        "kafka-failed",
        "Kafka, or our client of it, failed",
        where=settings.kafka,
        why=why,
        hint="run the command again; if it fails of the same again, look at the logs of the brokers",
    )
