"""How a topic stands against what it must be: fine, missing or wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from streams.service.topics import FOREVER, Topic, topics_of
from streams.settings import Settings

NATIVE = "native"
RECORD = 1_048_588  # bytes; Kafka's own limit of a record, on which everything but snapshots relies
_SAFE_REPLICAS = 3  # from here on, one copy may be lost and writing still goes on with two


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that the service needs; ``ours`` to make, and ``shaped`` as we say or as its owner likes."""

    topic: Topic
    ours: bool
    shaped: bool


class There(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as the brokers have it; ``config`` is empty where we may not read it."""

    partitions: int
    replicas: int
    config: Mapping[str, str]


class Stand(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said about one topic; ``stops`` means that no worker can start with it."""

    topic: str
    purpose: str
    verdict: Literal["fine", "missing", "wrong"]
    says: str
    do: str = ""
    ours: bool = True
    stops: bool = False


def wanted_topics(settings: Settings) -> list[Wanted]:
    """Return every topic that the service needs: our own, then the sources'.

    Raises:
        UsageProblem: ``topic-twice``.
    """
    topics = topics_of(settings)
    ours = [Wanted(topic=_kept_safe(one, settings), ours=True, shaped=True) for one in topics.ours()]
    return [*ours, *(_source(name, source, settings) for name, source in topics.sources.items())]


def compare(settings: Settings, wanted: Wanted, there: There | None) -> Stand:
    """Return how a topic stands."""
    topic = wanted.topic
    if there is None:
        do = "firstword topics create" if wanted.ours else "make it where the system that writes to it is run"
        return Stand(
            topic=topic.name,
            purpose=topic.purpose,
            verdict="missing",
            says="not there",
            do=do,
            ours=wanted.ours,
        )
    wrong = list(_differences(settings, wanted, there))
    return Stand(
        topic=topic.name,
        purpose=topic.purpose,
        verdict="wrong" if wrong else "fine",
        says="; ".join(says for says, _ in wrong) or _partitions(there.partitions),
        do="; ".join(dict.fromkeys(do for _, do in wrong)),
        ours=wanted.ours,
        stops=wanted.shaped and there.partitions != topic.partitions,
    )


def _source(name: str, source: str, settings: Settings) -> Wanted:
    # A history is older than any retention that would be sensible for the present.
    days = FOREVER if settings.clock == "history" else str(30 * 86_400_000)
    topic = Topic(
        name=name,
        partitions=settings.partitions,
        config={"cleanup.policy": "delete", "retention.ms": days},
        purpose=f"events that come in ({source})",
    )
    return Wanted(topic=topic, ours=source == NATIVE, shaped=False)


def _kept_safe(topic: Topic, settings: Settings) -> Topic:
    """Add what brokers may have been told otherwise for all topics: no limit by size, two copies of each record."""
    config = dict(topic.config)
    if config.get("retention.ms") == FOREVER:
        config["retention.bytes"] = FOREVER
    config.setdefault("max.message.bytes", str(RECORD))
    if settings.replicas >= _SAFE_REPLICAS:
        config["min.insync.replicas"] = "2"
    return msgspec.structs.replace(topic, config=config)


def _differences(settings: Settings, wanted: Wanted, there: There) -> Iterator[tuple[str, str]]:
    topic = wanted.topic
    if not wanted.shaped:
        if "compact" in there.config.get("cleanup.policy", ""):
            yield "cleanup.policy is compact: events would vanish", _alter(settings, topic, "cleanup.policy")
        return
    if there.partitions != topic.partitions:
        yield (
            f"{_partitions(there.partitions)}, wanted {topic.partitions}",
            "set FIRSTWORD_PARTITIONS to what the topics were made with: orders must not move between partitions",
        )
    if there.replicas < settings.replicas:
        yield (
            f"{there.replicas} replicas, wanted {settings.replicas}",
            "have kafka-reassign-partitions add copies, or set FIRSTWORD_REPLICAS",
        )
    for key, value in topic.config.items():
        held = there.config.get(key)
        if held is not None and not _suffices(key, held, value):
            yield f"{key} is {held}, wanted {value}", _alter(settings, topic, key)


def _partitions(count: int) -> str:
    return f"{count} partition{'s' if count != 1 else ''}"


def _suffices(key: str, held: str, value: str) -> bool:
    if key == "cleanup.policy":
        return set(held.split(",")) == set(value.split(","))
    if held in {FOREVER, value}:
        return True
    return value != FOREVER and int(held) >= int(value)


def _alter(settings: Settings, topic: Topic, key: str) -> str:
    return (
        f"kafka-configs --bootstrap-server {settings.kafka.partition(',')[0]} --alter --entity-type topics"
        f" --entity-name {topic.name} --add-config {key}={topic.config[key]}"
    )
