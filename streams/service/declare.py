"""Our topics at the brokers: made where they are missing, compared where they are not, never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from streams import telemetry
from streams.clock import stopwatch
from streams.problems import WorldProblem
from streams.service.brokers import connect, patiently
from streams.service.stand import Stand, There, Wanted, compare, wanted_topics
from streams.settings import Settings

PATIENCE = 60.0  # seconds for brokers that are started at the same moment as we are
_LEADERS_WITHIN = 15.0  # seconds after a topic was made; a broker with little to do takes a tenth of one
_THERE_ALREADY = 36  # TOPIC_ALREADY_EXISTS, Kafka's protocol guide


async def look(settings: Settings, *, patience: float = 0.0) -> list[Stand]:
    """Return how every topic stands that the service reads or writes; nothing is changed.

    Raises:
        WorldProblem: ``kafka-unreachable``: no broker answered within ``patience`` seconds.
        UsageProblem: ``topic-twice``.
    """
    wanted = wanted_topics(settings)
    return await patiently(settings, patience, lambda: _look(settings, wanted))


async def create(settings: Settings, *, dry_run: bool = False, patience: float = 0.0) -> list[Stand]:
    """Make the topics that are missing and ours to make, and return those; with ``dry_run`` only ask the brokers.

    Raises:
        WorldProblem: ``kafka-unreachable``; ``topic-not-created``: the brokers refuse one.
        UsageProblem: ``topic-twice``.
    """
    stands = await look(settings, patience=patience)
    missing = [one for one in stands if one.verdict == "missing" and one.ours]
    wanted = {one.topic.name: one for one in wanted_topics(settings)}
    if missing:
        await patiently(
            settings, patience, lambda: _create(settings, [wanted[one.topic] for one in missing], dry_run)
        )
    return missing


async def check(settings: Settings, role: str, *, patience: float = PATIENCE) -> None:
    """Let a worker start only where its topics are; what is merely kept otherwise is logged.

    Raises:
        WorldProblem: ``kafka-unreachable``, ``topics-missing``, ``topic-partitions``.
        UsageProblem: ``topic-twice``.
    """
    stands = [one for one in await look(settings, patience=patience) if one.ours or role == "ingest"]
    missing = [one.topic for one in stands if one.verdict == "missing"]
    if missing:
        raise WorldProblem(
            "topics-missing",
            f"the brokers do not have {', '.join(missing)}",
            where=settings.kafka,
            why="they were never made, or we may not see them",
            hint="firstword topics create",
        )
    for one in stands:
        if one.stops:
            raise WorldProblem(
                "topic-partitions",
                f"the topic {one.topic} does not have the partitions that were asked for",
                where=settings.kafka,
                why=one.says,
                hint=f"{one.do}; `firstword topics create` makes a new set under another FIRSTWORD_TOPIC_PREFIX",
            )
        if one.verdict == "wrong":
            telemetry.topic_differs(topic=one.topic, says=one.says)


async def _look(settings: Settings, wanted: Sequence[Wanted]) -> list[Stand]:
    async with connect(settings, "topics") as admin:
        there = await _there(admin, [one.topic.name for one in wanted])
    return [compare(settings, one, there.get(one.topic.name)) for one in wanted]


async def _there(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, There]:
    # All topics are asked for: asking for one by its name makes it, where brokers make topics by themselves.
    found = {
        one["topic"]: one["partitions"] for one in await admin.describe_topics() if not one["error_code"]
    }
    known = [name for name in names if name in found]
    configs = dict([one async for one in _configs(admin, known)])
    return {
        name: There(
            partitions=len(found[name]),
            replicas=min((len(one["replicas"]) for one in found[name]), default=0),
            config=configs.get(name, {}),
        )
        for name in known
    }


async def _configs(
    admin: AIOKafkaAdminClient, names: Sequence[str]
) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    if not names:
        return
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    for answer in answers:
        for code, _message, _kind, name, entries in answer.resources:
            if not code:
                yield name, {entry[0]: entry[1] for entry in entries}


async def _create(settings: Settings, wanted: Sequence[Wanted], dry_run: bool) -> None:  # noqa: FBT001 - private
    topics = [
        NewTopic(
            one.topic.name, one.topic.partitions, settings.replicas, topic_configs=dict(one.topic.config)
        )
        for one in wanted
    ]
    async with connect(settings, "topics") as admin:
        answer = await admin.create_topics(topics, validate_only=dry_run)
        for name, code, message in answer.topic_errors:
            if code not in {0, _THERE_ALREADY}:
                raise _refused(settings, name, code, message)
        if not dry_run:
            await _wait_for_leaders(admin, {one.topic.name for one in wanted})


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until every new partition can be written: who starts right after us is not told otherwise."""
    deadline = stopwatch() + _LEADERS_WITHIN
    while stopwatch() < deadline:
        if names <= set(_led(await admin.describe_topics())):
            return
        await asyncio.sleep(0.05)


def _led(topics: Sequence[Mapping[str, object]]) -> Iterator[str]:
    for topic in topics:
        partitions = topic["partitions"]
        assert isinstance(partitions, list)
        if not topic["error_code"] and partitions and all(one["leader"] >= 0 for one in partitions):
            yield str(topic["topic"])


def _refused(settings: Settings, name: str, code: int, message: str | None) -> WorldProblem:
    kind = for_code(code)
    return WorldProblem(
        "topic-not-created",
        f"the brokers do not make the topic {name}",
        where=settings.kafka,
        why=f"{kind.__name__}: {message or getattr(kind, 'description', '')}",
        hint="ask for fewer copies with FIRSTWORD_REPLICAS, or for the right to create topics",
    )
