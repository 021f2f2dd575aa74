"""Records for the sources, ingest workers in the test's own loop, and what they left in the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.codec.blocks import Entry, decode_entries
from streams.pipeline.processor import TICK_ORDER
from streams.service.client import producer
from streams.service.ingest import Ingest
from streams.service.partition import partition_of
from streams.service.records import read_letter
from tests.ndjson import line
from tests.service_rig import WITHIN, Deployment, records

SOURCES = {"orders": 2, "shipments": 2}  # topics behind the prefix, and their partitions


def deploy(broker, prefix: str, folder, *, sources=SOURCES, config=None, **given) -> Deployment:
    """A deployment with its topics made; the sources' have the prefix, too, and all are native."""
    names = {f"{prefix}{name}": count for name, count in sources.items()}
    topics = ",".join(f"{name}=native" for name in names)
    deployment = Deployment(broker, prefix, folder, topics=topics, **given)
    broker.create_topics(names, config=config)
    deployment.declare()
    return deployment


def source(deployment: Deployment, name: str) -> str:
    """The topic of a source."""
    return next(topic for topic in deployment.topics.sources if topic.endswith(name))


@asynccontextmanager
async def working(deployment: Deployment, **options):
    """An ingest worker for the block; whatever it died of fails the test."""
    worker = Ingest(deployment.settings, **options)
    await worker.start()
    try:
        yield worker
    finally:
        died = worker._died.result() if worker._died.done() else None
        await asyncio.wait_for(worker.stop(), 30)
    if died is not None:
        raise died


async def put(deployment: Deployment, name: str, values: Sequence, *, partition=0, at=None, key=None) -> None:
    """Write events (or bytes, or None) to one partition of a source, in their order; ``at`` are milliseconds."""
    sender = producer(deployment.settings, "test")
    await sender.start()
    try:
        times = at if at is not None else [None] * len(values)
        sent = [
            await sender.send(
                source(deployment, name),
                line(one) if isinstance(one, dict) else one,
                partition=partition,
                timestamp_ms=moment,
                key=key or (b"k" if one is None else None),
            )
            for one, moment in zip(values, times, strict=True)
        ]
        for one in sent:
            await one
    finally:
        await sender.stop()


async def put_raw(deployment: Deployment, topic: str, values: Sequence, *, partition=0, keys=None) -> None:
    """Write records to any topic."""
    sender = producer(deployment.settings, "test")
    await sender.start()
    try:
        for one, key in zip(values, keys or [b"k"] * len(values), strict=True):
            await sender.send_and_wait(topic, one, key=key, partition=partition)
    finally:
        await sender.stop()


async def blocks(deployment: Deployment) -> list:
    """Every record of the journal, partition by partition."""
    topic = deployment.topics.journal
    return await records(deployment.settings, topic.name, topic.partitions)


async def journal(deployment: Deployment) -> list[Entry]:
    """Every entry of the journal but its ticks; each lies in the partition of its order."""
    topic = deployment.topics.journal
    found: list[Entry] = []
    for record in await blocks(deployment):
        entries = [one for one in decode_entries(record.value) if one.order_id != TICK_ORDER]
        assert {partition_of(one.order_id, topic.partitions) for one in entries} <= {record.partition}
        found += entries
    return found


async def ids(deployment: Deployment) -> list[str]:
    """The ids of the journal's events, sorted, each as often as it is there."""
    return sorted(one.id for one in await journal(deployment))


async def letters(deployment: Deployment) -> list:
    """Every dead letter, each once."""
    topic = deployment.topics.dead_letters
    found = [read_letter(one.value) for one in await records(deployment.settings, topic.name, 1)]
    return list({one.id: one for one in found}.values())


async def parked(deployment: Deployment) -> set[bytes]:
    """The keys of the scans that wait."""
    topic = deployment.topics.parked
    waiting = set()
    for one in await records(deployment.settings, topic.name, topic.partitions):
        (waiting.discard if one.value is None else waiting.add)(one.key)
    return waiting


async def committed(deployment: Deployment) -> dict[tuple[str, int], int]:
    """How far the group has committed its sources, where it has."""
    group = f"{deployment.settings.topic_prefix}-ingest"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.settings.kafka, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        found = {}
        for name in [*deployment.topics.sources, deployment.topics.outcomes.name]:
            for partition in range(3):  # no source of these tests has more
                offset = await consumer.committed(TopicPartition(name, partition))
                if offset is not None:
                    found[name.rpartition("-")[2].rpartition(".")[2], partition] = offset
        return found
    finally:
        await consumer.stop()


async def until(expected, look, *, within: float = WITHIN) -> None:
    """Look again and again until what is expected is seen; a coroutine is awaited."""
    deadline = time.monotonic() + within
    while (seen := await look()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"after {within} s: {seen!r}, not {expected!r}")
        await asyncio.sleep(0.05)


async def value(one):
    """A value as something to wait for."""
    return one


async def until_journaled(deployment: Deployment, *expected: str, **options) -> None:
    """Wait until the journal has exactly these events, each once."""
    await until(sorted(expected), partial(ids, deployment), **options)
