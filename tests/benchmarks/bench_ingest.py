"""How fast raw records become journal blocks over a real Kafka, in events per second of this process's CPU.

The broker is another process on the same machine; per second of the clock, the two would measure each other.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

import msgspec

from streams import telemetry
from streams.service.client import producer, reader
from streams.service.ingest import AT_ONCE, Ingest
from streams.service.partition import partition_of
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside
from tests.kafka_rig import own_broker
from tests.service_rig import Deployment

PARTITIONS = 12
_NUMBERS = itertools.count()


def rows() -> Iterator[Row]:
    """The month as a stream in one partition, and as a backlog in six that are read unevenly."""
    telemetry.configure("ERROR")  # the world is untidy on purpose; its dead letters are no news
    lines = [line for line in month.written().events.read_bytes().splitlines() if line.strip()]
    with own_broker() as broker:
        for count, name in ((1, "a stream"), (6, "a backlog of six partitions")):
            topic = f"month-{count}"
            broker.create_topics({topic: count})
            asyncio.run(_load(_deployment(broker, topic), topic, lines, count))
            yield beside(
                f"ingest, {name}",
                "events per CPU second",
                lambda topic=topic: _ingest(_deployment(broker, topic), len(lines)),
                lambda topic=topic: asyncio.run(_only_read(_deployment(broker, topic), topic, len(lines))),
                floor_name="reading the records alone",
                rounds=3,
                aim=60_000,
            )


def _deployment(broker, topic: str) -> Deployment:
    number = next(_NUMBERS)
    return Deployment(
        broker, f"bench-{number}", month.room(), topics=f"{topic}=native", partitions=PARTITIONS
    )


async def _load(deployment: Deployment, topic: str, lines: list[bytes], count: int) -> None:
    subject = msgspec.json.Decoder(msgspec.defstruct("Subject", [("subject", str, "")])).decode
    sender = producer(deployment.settings, "load", linger_ms=20)
    await sender.start()
    for line in lines:
        try:
            key = subject(line).subject
        except msgspec.DecodeError:
            key = ""
        await sender.send(topic, line, partition=partition_of(key, count))
    await sender.stop()


def _ingest(deployment: Deployment, count: int) -> float:
    deployment.declare()

    async def run() -> float:
        worker = Ingest(deployment.settings)
        await worker.start()
        begun = time.process_time()
        counts = worker.vitals.counts
        while counts["events_in", "native"] < count or not worker._progress.is_settled:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.02)
        seconds = time.process_time() - begun
        await worker.stop()
        return count / seconds

    return asyncio.run(run())


async def _only_read(deployment: Deployment, topic: str, count: int) -> float:
    source = reader(deployment.settings, "floor")
    source.subscribe([topic])
    await source.start()
    begun, seen = time.process_time(), 0
    while seen < count:
        found = await source.getmany(timeout_ms=500, max_records=AT_ONCE)
        seen += sum(len(records) for records in found.values())
        await asyncio.sleep(0)
    seconds = time.process_time() - begun
    await source.stop()
    return count / seconds
