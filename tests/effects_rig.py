"""Decisions for an outbox, and what a deployment's effects workers made of them."""

from __future__ import annotations

import asyncio
import email
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

import msgspec

from streams.assets import templates_dir
from streams.codec.blocks import decode_entries
from streams.core import events as facts
from streams.core.ids import address_hash
from streams.core.money import Money
from streams.service.effects import EffectsWorker
from streams.service.partition import partition_of
from streams.service.records import outbox_record, read_letter
from streams.templating.samples import read_sample
from tests.service_rig import WITHIN, Deployment, put, records

SAMPLE = read_sample(templates_dir() / "late_delivery" / "samples" / "typical.json", "late_delivery", "en")
DECIDED = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


def mail(number, *, order=None, case=None, to="ada@example.org"):
    """A mail about an order; numbers tell them apart."""
    return msgspec.structs.replace(
        SAMPLE,
        order_id=order or f"ORD-{number}",
        decision_id=f"dec_{number}",
        message_id=f"msg_{number}",
        case_id=case or f"case_{number}",
        to_hash=address_hash(to),
        letter=msgspec.structs.replace(SAMPLE.letter, to=to),
    )


def withdrawal(message):
    """The word that a queued mail is no longer true."""
    names = ("order_id", "message_id", "case_id", "template", "locale", "to_hash")
    return facts.MessageWithdrawn(
        **{name: getattr(message, name) for name in names},
        decision_id=f"withdraw_{message.message_id}",
        reason="cleared",
        queued=True,
    )


def label(number):
    """A return label to be bought."""
    return facts.ReturnLabelRequested(
        order_id=f"ORD-{number}",
        decision_id=f"dec_label_{number}",
        case_id=f"case_{number}",
        return_id=f"ret_{number}",
        lines=(facts.Pieces(sku="MARK-CHALK", quantity=1),),
        cost=Money(minor=0, currency="USD"),
        keep_after=date(2026, 12, 16),
    )


def replacement(number):
    """A replacement to be ordered."""
    return facts.ReplacementRequested(
        order_id=f"ORD-{number}",
        decision_id=f"dec_replacement_{number}",
        case_id=f"case_{number}",
        replacement_id=f"rep_{number}",
        lines=(facts.Pieces(sku="MARK-CHALK", quantity=1),),
        expedited=True,
        cost=Money(minor=0, currency="USD"),
    )


async def decide(deployment: Deployment, *decisions, at_once=1) -> None:
    """Write decisions into the outbox as the fold does, so many in one record."""
    count = deployment.topics.outbox.partitions
    parts: dict[int, list] = {}
    for one in decisions:
        parts.setdefault(partition_of(one.order_id, count), []).append(one)
    values = [
        (partition, outbox_record(some, [DECIDED] * len(some)))
        for partition, every in parts.items()
        for some in (every[start : start + at_once] for start in range(0, len(every), at_once))
    ]
    await put(deployment.settings, deployment.topics.outbox.name, values)


async def outcomes(deployment: Deployment) -> list:
    """Every entry of the outcomes topic; each lies in the partition of its order."""
    topic = deployment.topics.outcomes
    found = []
    for record in await records(deployment.settings, topic.name, topic.partitions):
        entries = decode_entries(record.value)
        assert {partition_of(one.order_id, topic.partitions) for one in entries} == {record.partition}
        found += entries
    return found


async def told(deployment: Deployment) -> Counter[str]:
    """How often each outcome was told, by id."""
    return Counter(one.id for one in await outcomes(deployment))


def by_type(entries: Sequence) -> dict[str, int]:
    """How many different outcomes of each type were told."""
    return dict(Counter(kind for kind, _ in {(one.type, one.id) for one in entries}))


async def letters(deployment: Deployment) -> list:
    """Every dead letter."""
    topic = deployment.topics.dead_letters
    return [read_letter(one.value) for one in await records(deployment.settings, topic.name, 1)]


async def committed(deployment: Deployment) -> dict[int, int]:
    """How far the effects have acknowledged the outbox, by partition."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    group = f"{deployment.settings.topic_prefix}-effects"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.settings.kafka, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        topic = deployment.topics.outbox
        return {
            p: await consumer.committed(TopicPartition(topic.name, p)) or 0 for p in range(topic.partitions)
        }
    finally:
        await consumer.stop()


def copies(mailbox) -> Counter[str]:
    """How often each message lies in a mailbox, by id."""
    contents = [one[2] if isinstance(one, tuple) else one for one in mailbox]
    return Counter(email.message_from_bytes(one)["X-Firstword-Message"] for one in contents)


@asynccontextmanager
async def effects(deployment: Deployment):
    """An effects worker at work in this loop."""
    worker = EffectsWorker(deployment.settings)
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop()


async def until(condition, *workers: EffectsWorker, within: float = WITHIN) -> None:
    """Wait for something that must come true; a worker that dies meanwhile says why."""
    deadline = time.monotonic() + within
    deaths = [asyncio.ensure_future(worker.crashed()) for worker in workers]
    try:
        while True:
            found = condition()
            if await found if asyncio.iscoroutine(found) else found:
                return
            for death in deaths:
                if death.done():
                    raise death.result()
            assert time.monotonic() < deadline, "it did not come true in time"
            await asyncio.sleep(0.05)
    finally:
        for death in deaths:
            death.cancel()
