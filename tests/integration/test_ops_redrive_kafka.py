"""Redriving over a real Kafka: records go back to the topic on which they came, and each is folded once."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import pytest

from streams import wiring
from streams.codec.blocks import decode_block
from streams.core.events import MessageAccepted
from streams.ops.letters import Selection, expires, find
from streams.ops.letters_kafka import TopicLetters
from streams.ops.redrive import plan, redrive
from streams.pipeline.correlate import PATIENCE
from streams.pipeline.dead_letters import unlooked
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.ports import Rejected
from streams.pipeline.processor import Processor
from streams.service.ingest import Ingest
from streams.service.records import letter_record
from streams.sources.native.adapter import SOURCE
from tests.ingest_rig import (
    blocks,
    deploy,
    ids,
    letters,
    parked,
    put,
    put_raw,
    source,
    until,
    until_journaled,
    working,
)
from tests.ndjson import DAY, HOUR, MONDAY, placed, scan, shipped
from tests.service_rig import closing, records

MANY = 1000


class Yesterday:
    """Yesterday's adapter: it did not know the carrier."""

    name = "native"

    def translate(self, record):
        if b"Usual Post" in record.raw:
            return Rejected(code="carrier-unknown", why="nobody knows Usual Post", hint="upgrade")
        return SOURCE.translate(record)


async def ingest_as_yesterday(deployment, done):
    """Let yesterday's worker take everything, until what it leads to is there."""
    worker = Ingest(deployment.settings)
    worker._sources = dict.fromkeys(worker._sources, Yesterday())
    await worker.start()
    try:
        await done()
    finally:
        await asyncio.wait_for(worker.stop(), 30)


async def how_many(look, deployment):
    return len(await look(deployment))


def folded(deployment, found):
    """What a fold of the whole journal makes of it: events folded, duplicates dropped, orders."""
    policy = wiring.policy_of(deployment.settings)
    processors = {}
    for record in found:
        processor = processors.setdefault(record.partition, Processor(policy))
        for event in decode_block(record.value):
            processor.fold(event)
    orders = {key: order for one in processors.values() for key, order in one.orders.items()}
    return (
        sum(one.folded for one in processors.values()),
        sum(one.duplicates for one in processors.values()),
        orders,
    )


@pytest.mark.slow
def test_a_thousand_letters_go_back_and_are_folded_once(kafka, topic_prefix, tmp_path):
    """By a worker with the fix, as a process of its own; done again by force, the fold drops every copy."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    orders = [f"ORD-{number}" for number in range(MANY)]
    scans = [scan(f"{one}-s1", "in_transit", MONDAY + HOUR, f"1Z{one}") for one in orders]
    expected = sorted([f"{one}-{what}" for one in orders for what in ("placed", "labelled", "s1")])

    async def yesterday():
        await put(deployment, "orders", [placed(one) for one in orders])
        await put(deployment, "shipments", [shipped(one) for one in orders], partition=1)
        await put(deployment, "shipments", scans, partition=0)

        async def done():
            await until(MANY, partial(how_many, letters, deployment))
            await until(MANY, partial(how_many, ids, deployment))
            await until(MANY, partial(how_many, parked, deployment))

        await ingest_as_yesterday(deployment, done)

    asyncio.run(yesterday())
    dead = TopicLetters(deployment.settings)
    planned = plan(dead, Selection(codes=("carrier-unknown",)))
    assert (len(planned.ready), planned.refused) == (MANY, ())
    assert redrive(dead, planned, datetime.now(UTC)) == MANY

    with closing() as stack:
        worker = deployment.worker("ingest")
        stack.callback(worker.close)
        asyncio.run(until(expected, partial(ids, deployment)))
        asyncio.run(until(0, partial(how_many, parked, deployment)))

        assert Counter(one.state for one in dead.letters()) == {"redriven": MANY}
        assert redrive(dead, plan(dead, Selection()), datetime.now(UTC)) == 0
        once = asyncio.run(blocks(deployment))
        assert dead.put_back(planned.ready, datetime.now(UTC)) == MANY
        asyncio.run(until(4 * MANY, partial(how_many, ids, deployment)))
        assert worker.stop()[0] == 0

    count, duplicates, after = folded(deployment, once)
    assert (count, duplicates) == (3 * MANY, 0)
    assert Counter(len(one.shipments) for one in after.values()) == {1: MANY}
    count, duplicates, again = folded(deployment, asyncio.run(blocks(deployment)))
    assert (count, duplicates) == (3 * MANY, MANY)
    assert again == after


def test_a_record_goes_back_where_it_came_from(kafka, topic_prefix, tmp_path):
    """Same topic, same partition, same bytes, under its order; the letter is marked, and stays to be looked at."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def yesterday():
        await put(deployment, "shipments", [shipped("ORD-1")], partition=1)
        await ingest_as_yesterday(deployment, partial(until, 1, partial(how_many, letters, deployment)))

    asyncio.run(yesterday())
    dead = TopicLetters(deployment.settings)
    now = datetime.now(UTC).replace(microsecond=0)
    (letter,) = [one.dead for one in dead.letters()]
    assert redrive(dead, plan(dead, Selection(ids=(letter.id[:16],))), now) == 1

    first, second = asyncio.run(records(deployment.settings, source(deployment, "shipments"), 2))
    assert (second.partition, second.key, second.value) == (1, b"ORD-1", first.value)
    found = find(dead, letter.id)
    assert (found.state, found.redriven_at, found.dead) == ("redriven", now, letter)


def test_what_waits_is_seen_with_its_end(kafka, topic_prefix, tmp_path):
    """A parked scan says since when, and until when; one that was claimed is gone."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        strangers = [scan(f"s{number}", "delivered", MONDAY, f"1ZORD-{number}") for number in (1, 2)]
        await put(deployment, "shipments", strangers)
        async with working(deployment):
            await until(2, partial(how_many, parked, deployment))
            await put(deployment, "orders", [placed("ORD-1"), shipped("ORD-1")])
            await until_journaled(deployment, "ORD-1-placed", "ORD-1-labelled", "s1")
            await until(1, partial(how_many, parked, deployment))

    asyncio.run(story())
    (waits,) = TopicLetters(deployment.settings).parked()

    assert (waits.key, waits.incoming.id) == ("1ZORD2", "s2")
    assert expires(waits) - waits.since == PATIENCE
    assert datetime.now(UTC) - waits.since < timedelta(minutes=10)


def test_an_outcome_comes_in_again_by_its_own_door(kafka, topic_prefix, tmp_path):
    """What an order could not take, for a mistake of ours: the sources would refuse it, the outcomes take it."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    fact = MessageAccepted(
        order_id="ORD-1", case_id="cas", message_id="msg", template="t", locale="en", to_hash="h", attempt=1
    )
    event = outcome_event(fact, MONDAY + DAY)
    letter = unlooked(event, KeyError("no"), "journal[0]@3")
    asyncio.run(
        put_raw(
            deployment,
            deployment.topics.dead_letters.name,
            [letter_record(letter)],
            keys=[letter.id.encode()],
        )
    )
    dead = TopicLetters(deployment.settings)

    assert redrive(dead, plan(dead, Selection()), datetime.now(UTC)) == 1

    async def story():
        async with working(deployment):
            await until_journaled(deployment, event.id)

    asyncio.run(story())


def test_what_strangers_write_among_the_letters_hides_none(kafka, topic_prefix, tmp_path):
    """Only what is ours is shown; a copy of a letter is the letter."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    fact = MessageAccepted(
        order_id="ORD-1", case_id="cas", message_id="msg", template="t", locale="en", to_hash="h", attempt=1
    )
    letter = unlooked(outcome_event(fact, MONDAY), KeyError("no"), "journal[0]@3")
    old = msgspec.json.decode(letter_record(letter))
    del old["version"]
    values = [b"not ours", msgspec.json.encode(old), letter_record(letter)]
    asyncio.run(put_raw(deployment, deployment.topics.dead_letters.name, values))

    (found,) = TopicLetters(deployment.settings).letters()

    assert (found.dead.id, found.dead.version, found.state) == (letter.id, "", "open")
