"""The topic that every contestant reads: a simulated month as raw JSON, each event under its order's id.

Carriers know parcels, not orders. Ours finds the order behind a tracking number in its ingest; the peers'
programs would each need such a part, so the history names the order in every event, for everybody.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from streams.service.partition import partition_of
from streams.simulate.plan import Noise, Plan
from streams.simulate.shop import simulate

EVENTS_PER_ORDER = 12.5  # somewhat fewer than an order of the simulated shop causes
START = date(2026, 1, 5)  # a Monday long past: brokers refuse records from the future
EVERY_ORDER = "*"
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Line(NamedTuple):
    """One record of the topic: its key, when it arrived and what it says."""

    order_id: str
    arrived: datetime
    raw: bytes

    @property
    def milliseconds(self) -> int:
        """The record's timestamp."""
        return int(self.arrived.timestamp() * 1000)


def history(events: int, *, tick_hours: float = 1.0) -> list[Line]:
    """Return about so many lines in order of arrival, and a tick for every ``tick_hours`` of the shop (0: none).

    Duplicates and delays are among them; strangers, whose order nobody knows, are not.
    """
    plan = Plan(orders=int(events / EVENTS_PER_ORDER) + 1, days=30, start=START, noise=Noise(stranger=0))
    told = list(itertools.islice(simulate(plan), events))
    owners = {}
    for one in told:
        if b'"shipment.created.v1"' in one.line:
            fact = _decode(one.line)["data"]
            owners[fact["tracking_number"]] = fact["order_id"]
    lines = [_line(one.arrives_at, one.line, owners) for one in told]
    if tick_hours:
        lines.extend(_ticks(lines[0].arrived, lines[-1].arrived, timedelta(hours=tick_hours)))
        lines.sort(key=lambda line: line.arrived)  # stable: events of one second stay as they were
    return lines


def _line(arrived: datetime, raw: bytes, owners: dict[str, str]) -> Line:
    event = _decode(raw)
    fact = event["data"]
    order_id = fact.get("order_id")
    if order_id is None:
        # A parcel whose label has not been printed when the month ends keeps its own number as an order.
        order_id = owners.get(fact["tracking_number"], fact["tracking_number"])
        fact["order_id"] = event["subject"] = order_id
        raw = _encode(event)
    return Line(order_id, arrived, raw)


def _ticks(since: datetime, until: datetime, step: timedelta) -> Iterator[Line]:
    moment = since + step
    while moment <= until:
        yield Line(EVERY_ORDER, moment, _tick(moment))
        moment += step


def _tick(moment: datetime) -> bytes:
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"tick:{moment.astimezone(UTC).isoformat()}",
        "source": "firstword",
        "type": "time.passed.v1",
        "time": moment,
        "data": {"order_id": EVERY_ORDER},
    }
    return _encode(event)


def produce(bootstrap: str, topic: str, partitions: int, lines: list[Line]) -> list[int]:
    """Write the lines, each into its order's partition; return how many came into each."""
    return asyncio.run(_produce(bootstrap, topic, partitions, lines))


async def _produce(bootstrap: str, topic: str, partitions: int, lines: list[Line]) -> list[int]:
    counts = [0] * partitions
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        linger_ms=20,
        max_batch_size=512 * 1024,
        enable_idempotence=True,
    )
    await producer.start()
    try:
        for line in lines:
            partition = partition_of(line.order_id, partitions)
            counts[partition] += 1
            await producer.send(
                topic,
                line.raw,
                key=line.order_id.encode(),
                partition=partition,
                timestamp_ms=line.milliseconds,
            )
        await producer.flush()
    finally:
        await producer.stop()
    return counts
