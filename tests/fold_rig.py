"""A fold worker in the test's own loop over real Kafka, and the same history folded by hand beside it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from streams import wiring
from streams.codec.blocks import Entry, decode_block, decode_entries, encode_block
from streams.pipeline.processor import TICK_ORDER, Processor
from streams.service.client import producer
from streams.service.fold import Fold
from streams.service.order_table import state_hash
from streams.service.partition import partition_of
from streams.service.topics import Topics, topics_of
from streams.settings import Settings, load
from streams.simulate.plan import Plan
from streams.simulate.shop import write
from tests import service_rig
from tests.embedded_runs import run_history

WITHIN = 120  # seconds; a few are usual


def settings_of(broker, prefix: str, folder: Path, **more) -> Settings:
    """Settings of a small deployment on the test's broker; history's clock unless said otherwise."""
    name = prefix.rstrip("-")
    topics = f"{name}.orders=native,{name}.shipments=native"
    given = {"partitions": 3, "clock": "history", "snapshot_seconds": 0.5, "topics": topics, **more}
    return load({}, kafka=broker.bootstrap, topic_prefix=name, data=folder, **given)


def declare(broker, topics: Topics) -> None:
    """Make our topics, each with its settings, and those we read."""
    broker.create_topics(dict.fromkeys(topics.sources, topics.journal.partitions))
    for topic in topics.ours():
        broker.create_topics({topic.name: topic.partitions}, config=dict(topic.config))


@cache
def _written(folder: Path, orders: int, seed: int) -> tuple[Entry, ...]:
    plan = Plan(orders=orders, days=10, seed=seed)
    shop = write(plan, folder / "shop")
    run_history(folder / "run", f"native={shop.events}", until=plan.until)
    connection = sqlite3.connect(folder / "run" / "journal.sqlite")
    blocks = connection.execute("SELECT block FROM blocks ORDER BY position").fetchall()
    connection.close()
    return tuple(entry for (block,) in blocks for entry in decode_entries(bytes(block)))


def lived(folder: Path, orders: int = 150, seed: int = 5) -> tuple[Entry, ...]:
    """The journal of ten simulated days, outcomes and ticks included, as one machine wrote it."""
    return _written(folder, orders, seed)


def cut(entries: Sequence[Entry], partitions: int) -> list[list[Entry]]:
    """Cut a journal into partitions as ingest does: orders by their id, ticks to everybody."""
    parts: list[list[Entry]] = [[] for _ in range(partitions)]
    for entry in entries:
        if entry.order_id == TICK_ORDER:
            for part in parts:
                part.append(entry)
        else:
            parts[partition_of(entry.order_id, partitions)].append(entry)
    return parts


def packed(entries: Sequence[Entry], size: int = 16) -> list[bytes]:
    """Small blocks, so that a short history is many records."""
    return [encode_block(entries[start : start + size]) for start in range(0, len(entries), size)]


class Folded:
    """What a pure fold makes of a journal: the states' hash, decision ids and effective ones."""

    def __init__(self, entries: Sequence[Entry], policy) -> None:
        processor = Processor(policy)
        self.decisions = []
        for start in range(0, len(entries), 16):
            for event in decode_block(encode_block(entries[start : start + 16])):
                self.decisions += [decision.decision_id for decision in processor.fold(event)]
        self.state = state_hash(processor.orders.values())
        self.orders = len(processor.orders)


async def put(settings: Settings, parts: Sequence[Sequence[bytes]]) -> list[int]:
    """Write blocks into the journal's partitions; return the offset behind the last one of each."""
    topic = topics_of(settings).journal.name
    sender = producer(settings, "test")
    await sender.start()
    ends = [0] * len(parts)
    for partition, blocks in enumerate(parts):
        for block in blocks:
            sent = await sender.send_and_wait(topic, block, partition=partition)
            ends[partition] = sent.offset + 1
    await sender.stop()
    return ends


@asynccontextmanager
async def folding(settings: Settings):
    """A fold worker at work; what kills it fails the test."""
    fold = Fold(settings)
    await fold.start()
    try:
        yield fold
    finally:
        await fold.stop()


async def until(condition, *workers: Fold) -> None:
    """Wait for something that must come true; a worker that dies meanwhile says why."""
    deadline = time.monotonic() + WITHIN
    deaths = [asyncio.ensure_future(worker.crashed()) for worker in workers]
    try:
        while not condition():
            for death in deaths:
                if death.done():
                    raise death.result()
            assert time.monotonic() < deadline, "it did not come true in time"
            await asyncio.sleep(0.02)
    finally:
        for death in deaths:
            death.cancel()


def through(ends: Sequence[int], *workers: Fold):
    """A condition: every partition is folded and acknowledged to its end by somebody."""

    def reached() -> bool:
        return all(
            any(p in one.states and one.states[p].acknowledged >= end - 1 for one in workers)
            for p, end in enumerate(ends)
            if end
        )

    return reached


async def records(settings: Settings, topic: str) -> list:
    """Every record of one of our topics, partition by partition."""
    return await service_rig.records(settings, topic, _count(settings, topic))


def _count(settings: Settings, topic: str) -> int:
    return next(one.partitions for one in topics_of(settings).ours() if one.name == topic)


def states(*workers: Fold) -> dict[int, str]:
    """The hash of every partition's state."""
    return {p: state_hash(state.table.values()) for one in workers for p, state in one.states.items()}


def policy_of(settings: Settings):
    """The policy in force."""
    return wiring.policy_of(settings)
