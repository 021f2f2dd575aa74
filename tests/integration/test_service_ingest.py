"""The ingest worker over a real Kafka: what comes in is in the journal, parked, a dead letter, or nothing at all."""

import asyncio
import base64
import json
import os
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    AuthenticationFailedError,
    GroupAuthorizationFailedError,
    KafkaTimeoutError,
    ProducerFenced,
    TopicAuthorizationFailedError,
)

from streams.codec.blocks import decode_entries, encode_block, to_entry
from streams.core.events import ReturnLabelIssued
from streams.core.money import Money
from streams.pipeline.correlate import PATIENCE, Owner, Parked
from streams.pipeline.dead_letters import KEPT_OF_DEAD_LETTER
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.ports import Record
from streams.problems import UsageProblem, WorldProblem
from streams.service.ingest import Ingest
from streams.service.packing import BLOCK_BYTES, BLOCK_EVENTS
from streams.service.parking import parked_key, parked_value
from streams.service.partition import partition_of
from streams.service.reception import LARGEST_EVENT
from streams.service.records import read_letter
from streams.service.tracking import lesson
from streams.simulate.plan import Plan
from streams.simulate.shop import write as write_shop
from streams.sources.native.adapter import SOURCE
from tests.ingest_rig import (
    blocks,
    committed,
    deploy,
    ids,
    journal,
    letters,
    parked,
    put,
    put_raw,
    source,
    until,
    until_journaled,
    value,
    working,
)
from tests.kafka_rig import Broker, admin, free_ports
from tests.ndjson import HOUR, MINUTE, MONDAY, event, line, placed, scan, shipped
from tests.service_rig import Deployment
from tests.service_rig import records as records_of

ORDER = ["ORD-1-placed", "ORD-1-labelled"]


def milliseconds(moment: datetime) -> int:
    """A time as Kafka has it."""
    return int(moment.timestamp() * 1000)


# ---------------------------------------------------------------------------- the way of an event


def test_events_of_two_topics_come_into_the_journal(kafka, topic_prefix, tmp_path):
    """Each in the partition of its order, stamped with the time we wrote it down; then the offsets are committed."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    began = datetime.now(UTC)

    async def story():
        await put(deployment, "orders", [placed("ORD-1"), placed("ORD-2")])
        await put(deployment, "shipments", [shipped("ORD-1")], partition=1)
        async with working(deployment) as worker:
            await until_journaled(deployment, "ORD-1-placed", "ORD-2-placed", "ORD-1-labelled")
            await put(deployment, "shipments", [scan("s1", "in_transit", MONDAY, "1ZORD-1")])
            await until_journaled(deployment, "ORD-1-placed", "ORD-2-placed", "ORD-1-labelled", "s1")
        return await journal(deployment), await committed(deployment), worker.vitals

    entries, positions, vitals = asyncio.run(story())
    by_id = {one.id: one for one in entries}

    assert by_id["s1"].order_id == "ORD-1"
    assert by_id["ORD-1-placed"].occurred_at == MONDAY
    assert all(began <= one.recorded_at <= datetime.now(UTC) for one in entries)
    assert SOURCE.translate(Record(source="native", place="", position=0, raw=line(placed("ORD-1"))))[
        0
    ].data == (by_id["ORD-1-placed"].data)
    assert positions == {("orders", 0): 2, ("shipments", 0): 1, ("shipments", 1): 1}
    assert vitals.counts["events_in", "native"] == vitals.counts["events_journaled", ""] == 4


def test_blocks_are_cut_by_events_by_bytes_and_by_time(kafka, topic_prefix, tmp_path):
    """At most 256 events and 64 KiB, a single event may be larger; nobody waits for a block to be full."""
    deployment = deploy(kafka, topic_prefix, tmp_path, partitions=1)
    small = [scan(f"s{number}", "in_transit", MONDAY, "1ZORD-1", order_id="ORD-1") for number in range(1000)]
    wide = [placed(f"ORD-{number}", remark="x" * 5000) for number in range(100)]
    huge = placed("ORD-HUGE", remark=base64.b64encode(os.urandom(300_000)).decode())

    async def story():
        await put(deployment, "orders", [*small, *wide, huge, placed("ORD-LAST")])
        async with working(deployment):
            await until(1102, lambda: count(deployment))
        return [decode_entries(one.value) for one in await blocks(deployment)], await ids(deployment)

    packed, found = asyncio.run(story())
    sizes = [sum(len(one.data) for one in block) for block in packed]

    assert max(len(block) for block in packed) == BLOCK_EVENTS
    assert [one[0].id for one, size in zip(packed, sizes, strict=True) if size > BLOCK_BYTES] == [
        "ORD-HUGE-placed"
    ]
    assert len(set(found)) == len(found) == 1102


def test_an_outcome_is_written_down_again_and_learned_from(kafka, topic_prefix, tmp_path):
    """A return label that was bought: its event is in the journal, and scans of it are of the return."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    issued = ReturnLabelIssued(
        order_id="ORD-1",
        case_id="case_1",
        return_id="ret_1",
        label_id="lbl_1",
        carrier="Usual Post",
        tracking_number="RET-77",
        cost=Money(minor=500, currency="USD"),
    )
    outcome = to_entry(outcome_event(issued, MONDAY))

    async def story():
        async with working(deployment):
            await put_raw(deployment, deployment.topics.outcomes.name, [encode_block([outcome])])
            await until_journaled(deployment, outcome.id)
            await put(deployment, "shipments", [scan("s1", "in_transit", MONDAY, "ret 77")])
            await until_journaled(deployment, outcome.id, "s1")
            await put_raw(deployment, deployment.topics.outcomes.name, [b"no block", None])
            await until(["block-corrupt"], lambda: codes(deployment))
        return await journal(deployment), await committed(deployment)

    entries, positions = asyncio.run(story())
    by_id = {one.id: one for one in entries}

    assert by_id["s1"].type == "return.checkpoint.v1"
    assert by_id["s1"].order_id == "ORD-1"
    assert by_id[outcome.id].recorded_at > MONDAY
    assert positions["outcomes", 0] == 3


def test_what_a_transaction_took_back_was_never_said(kafka, topic_prefix, tmp_path):
    """A shop that writes in transactions: what it aborted is not read, what it committed is."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        shop = AIOKafkaProducer(
            bootstrap_servers=deployment.settings.kafka, transactional_id=f"{topic_prefix}shop"
        )
        await shop.start()
        for order, is_meant in (("ORD-1", False), ("ORD-2", True)):
            await shop.begin_transaction()
            await shop.send_and_wait(source(deployment, "orders"), line(placed(order)), partition=0)
            await (shop.commit_transaction() if is_meant else shop.abort_transaction())
        await shop.stop()
        async with working(deployment):
            await until_journaled(deployment, "ORD-2-placed")
            await put(deployment, "orders", [placed("ORD-3")])
            await until_journaled(deployment, "ORD-2-placed", "ORD-3-placed")

    asyncio.run(story())


async def count(deployment) -> int:
    """How many events are in the journal."""
    return len(await ids(deployment))


async def codes(deployment) -> list[str]:
    """The codes of all dead letters, sorted."""
    return sorted(one.code for one in await letters(deployment))


# ---------------------------------------------------------------------------- offsets


def four(number: int) -> list[dict]:
    """Four events of which one writes to the journal, one also to the tracking numbers, and two elsewhere."""
    early = scan(f"early-{number}", "in_transit", MONDAY, f"NOBODY{number}")
    nameless = scan(f"nameless-{number}", "in_transit", MONDAY, "---")
    return [early, nameless, placed(f"ORD-{number}"), shipped(f"ORD-{number}")]


@pytest.mark.parametrize("behind", ["journal", "tracking", "parked", "dead_letters"])
def test_an_offset_waits_for_everything_that_its_record_led_to(kafka, topic_prefix, tmp_path, behind):
    """While the brokers do not acknowledge it, nothing is committed; a worker that dies then has lost nothing."""
    deployment = deploy(kafka, topic_prefix, tmp_path, partitions=1)
    topic = getattr(deployment.topics, behind)

    async def story():
        await put(deployment, "orders", four(0))
        worker = Ingest(deployment.settings)
        await worker.start()
        await until({("orders", 0): 4}, partial(committed, deployment))
        await asyncio.to_thread(kafka.delete_topics, [topic.name])  # no write to it is acknowledged any more
        await put(deployment, "orders", four(1))
        await until(8, lambda: value(worker.vitals.counts["events_in", "native"]))
        await asyncio.sleep(2)  # four rounds of commits
        before = await committed(deployment)
        worker._die(RuntimeError("killed between send and acknowledgment"))
        stopping = asyncio.create_task(worker.stop())
        await asyncio.to_thread(kafka.create_topics, {topic.name: 1}, dict(topic.config))
        await asyncio.wait_for(stopping, 30)
        async with working(deployment):
            await until({("orders", 0): 8}, partial(committed, deployment))
        return before, set(await ids(deployment)), await letters(deployment), await parked(deployment)

    before, found, dead, waiting = asyncio.run(story())

    assert before == {("orders", 0): 4}
    assert {"ORD-1-placed", "ORD-1-labelled"} <= found
    assert "nameless-1" in {json.loads(one.raw)["id"] for one in dead}
    assert any(key.endswith(b"early-1") for key in waiting)


# ---------------------------------------------------------------------------- scans that come too early

LATER = MONDAY + HOUR


async def crash(worker: Ingest) -> None:
    """End a worker as an error does: what it has begun is not finished."""
    worker._die(RuntimeError("on purpose"))
    await worker.stop()


def owner_of(workers, deployment, name: str, *, but=None) -> tuple[Ingest, int]:
    """A worker that reads a topic, and the partition it reads; another worker than ``but``."""
    return next(
        (worker, place.partition)
        for worker in workers
        for place in worker._consumer.assignment()
        if place.topic == source(deployment, name) and worker is not but
    )


async def both_at_work(first: Ingest, second: Ingest) -> bool:
    """True when the partitions are divided."""
    ours, theirs = first._consumer.assignment(), second._consumer.assignment()
    return bool(ours) and bool(theirs) and not ours & theirs


def test_a_scan_waits_for_its_label_on_another_worker(kafka, topic_prefix, tmp_path):
    """The worker that has the scan learns the number from the one that has the label."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        async with working(deployment) as first, working(deployment) as second:
            await until(True, lambda: both_at_work(first, second))
            early, at = owner_of((first, second), deployment, "shipments")
            _, elsewhere = owner_of((first, second), deployment, "orders", but=early)
            await put(deployment, "shipments", [scan("s1", "in_transit", LATER, "1z ord-1")], partition=at)
            await until(1, lambda: value(early._reception.parked_now()))
            await until(1, lambda: count_of(parked(deployment)))
            await put(deployment, "orders", [placed("ORD-1"), shipped("ORD-1")], partition=elsewhere)
            await until_journaled(deployment, "s1", *ORDER)
            await until(set(), partial(parked, deployment))
        return await journal(deployment)

    entries = asyncio.run(story())
    found = next(one for one in entries if one.id == "s1")

    assert (found.order_id, json.loads(found.data)["tracking_number"]) == ("ORD-1", "1ZORD-1")


@pytest.mark.parametrize("leaving", ["told to stop", "crashed"])
def test_a_scan_waits_through_a_restart(kafka, topic_prefix, tmp_path, leaving):
    """It lies in a topic: the next worker finds it, whether the label comes while nobody is there or later."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        worker = Ingest(deployment.settings)
        await worker.start()
        scans = [scan(f"s{number}", "in_transit", LATER, f"1ZORD-{number}") for number in (1, 2)]
        await put(deployment, "shipments", scans)
        await until({("shipments", 0): 2}, partial(committed, deployment))
        await (worker.stop() if leaving == "told to stop" else crash(worker))
        await put(deployment, "orders", [shipped("ORD-1")])
        async with working(deployment):
            await until_journaled(deployment, "s1", "ORD-1-labelled")
            await put(deployment, "orders", [shipped("ORD-2")])
            await until_journaled(deployment, "s1", "s2", "ORD-1-labelled", "ORD-2-labelled")
            await until(set(), partial(parked, deployment))

    asyncio.run(story())


def test_a_scan_waits_through_a_takeover(kafka, topic_prefix, tmp_path):
    """Whoever gets the source partition gets the scans that wait for it, and claims what is known by now."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        first = Ingest(deployment.settings)
        await first.start()
        await until(4 + 3, lambda: value(len(first._consumer.assignment())))
        scans = [
            [scan(f"s{partition}{number}", "in_transit", LATER, f"1ZORD-{number}") for number in (1, 2)]
            for partition in (0, 1)
        ]
        for partition, some in enumerate(scans):
            await put(deployment, "shipments", some, partition=partition)
        await until(4, lambda: value(first._reception.parked_now()))
        async with working(deployment) as second:
            await until(True, lambda: both_at_work(first, second))
            await until(4, lambda: value(first._reception.parked_now() + second._reception.parked_now()))
            shared = first._reception.parked_now(), second._reception.parked_now()
            await crash(first)
            await until(4, lambda: value(second._reception.parked_now()))
            await put(deployment, "orders", [shipped("ORD-1"), shipped("ORD-2")])
            await until_journaled(
                deployment, *(f"s{p}{n}" for p in (0, 1) for n in (1, 2)), "ORD-1-labelled", "ORD-2-labelled"
            )
            await until(set(), partial(parked, deployment))
        return shared

    assert asyncio.run(story()) == (2, 2)


def test_a_number_that_was_learned_before_the_takeover_claims_at_once(kafka, topic_prefix, tmp_path):
    """The label came while nobody had the scan's partition: no later record has to come by."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    early = scan("s1", "in_transit", LATER, "1ZORD-1")

    async def story():
        (told,) = SOURCE.translate(Record(source="native", place="", position=0, raw=line(early)))
        place = TopicPartition(source(deployment, "shipments"), 1)
        waits = Parked(key="1ZORD1", incoming=told, place="shipments[1]@0", since=datetime.now(UTC))
        value_, key = parked_value(place, waits), parked_key(place, waits)
        await put_raw(deployment, deployment.topics.parked.name, [value_], partition=1, keys=[key])
        at, key, known = lesson("1ZORD1", Owner("ORD-1", None, "1ZORD-1"), 3)
        await put_raw(deployment, deployment.topics.tracking.name, [known], partition=at, keys=[key])
        async with working(deployment):
            await until_journaled(deployment, "s1")
            await until(set(), partial(parked, deployment))

    asyncio.run(story())


def test_patience_ends_in_a_dead_letter(kafka, topic_prefix, tmp_path):
    """Three days after it was parked, by whichever worker; the letter can be redriven, and the scan waits no more."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    early = scan("s1", "in_transit", LATER, "1ZORD-1")

    async def story():
        (told,) = SOURCE.translate(Record(source="native", place="", position=0, raw=line(early)))
        place = TopicPartition(source(deployment, "shipments"), 1)
        since = datetime.now(UTC) - PATIENCE + timedelta(seconds=3)
        waits = Parked(key="1ZORD1", incoming=told, place="shipments[1]@0", since=since)
        await put_raw(
            deployment,
            deployment.topics.parked.name,
            [parked_value(place, waits)],
            partition=1,
            keys=[parked_key(place, waits)],
        )
        async with working(deployment) as worker:
            await until(1, lambda: value(worker._reception.parked_now()))
            await until(["tracking-number-unclaimed"], partial(codes, deployment))
            await until(set(), partial(parked, deployment))
        return (await letters(deployment))[0], since

    letter, since = asyncio.run(story())
    (again,) = SOURCE.translate(Record(source=letter.source, place="", position=0, raw=letter.raw))

    assert (again.id, letter.place, letter.at) == ("s1", "shipments[1]@0", since + PATIENCE)


def test_a_scan_that_comes_twice_waits_once(kafka, topic_prefix, tmp_path):
    """Also when the second copy comes to another partition."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    early = scan("s1", "in_transit", LATER, "1ZORD-1")

    async def story():
        async with working(deployment) as worker:
            await put(deployment, "shipments", [early, early])
            await put(deployment, "shipments", [early], partition=1)
            await until(3, lambda: value(worker.vitals.counts["events_in", "native"]))
            waiting = worker._reception.parked_now()
            await put(deployment, "orders", [shipped("ORD-1")])
            await until_journaled(deployment, "s1", "ORD-1-labelled")
        return waiting, worker.vitals.counts["duplicates", ""]

    assert asyncio.run(story()) == (1, 2)


def test_copies_that_waited_with_two_workers_wait_once_with_one(kafka, topic_prefix, tmp_path):
    """None stays among the parked when the scan is claimed."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    early = scan("s1", "in_transit", LATER, "1ZORD-1")

    async def story():
        first = Ingest(deployment.settings)
        await first.start()
        async with working(deployment) as second:
            await until(True, lambda: both_at_work(first, second))
            for worker in (first, second):
                _, partition = owner_of((worker,), deployment, "shipments")
                await put(deployment, "shipments", [early], partition=partition)
            await until(
                (1, 1), lambda: value((first._reception.parked_now(), second._reception.parked_now()))
            )
            await until(2, lambda: count_of(parked(deployment)))
            await first.stop()
            await until(1, lambda: count_of(parked(deployment)))
            await put(deployment, "orders", [shipped("ORD-1")])
            await until_journaled(deployment, "s1", "ORD-1-labelled")
            await until(set(), partial(parked, deployment))

    asyncio.run(story())


async def count_of(looking) -> int:
    """How many things are seen."""
    return len(await looking)


# ---------------------------------------------------------------------------- what nobody can read

POISON = {
    "truncated": (b'{"specversion": "1.0", "id"', "json-truncated"),
    "no json": (b"hello", "json-malformed"),
    "empty": (b"", "json-empty"),
    "latin-1": ('{"name": "In\xeas"}'.encode("latin-1"), "not-utf8"),
    "utf-16": ('{"specversion": "1.0"}'.encode("utf-16"), "json-malformed"),
    "nul bytes": (b"\0" * 1000, "json-malformed"),
    "half a character": (b'{"specversion": "\\ud800"}', "json-lone-surrogate"),
    "a list": (b"[1, 2]", "envelope-invalid"),
    "deep": (b"[" * 100_000 + b"]" * 100_000, "json-too-deep"),
    "ours alone": (line(event("message.queued.v1", "m1", MONDAY, order_id="ORD-1")), "type-not-inbound"),
    "a tick": (line(event("time.passed.v1", "t1", MONDAY, order_id="*")), "type-not-inbound"),
    "unknown": (line(event("order.eaten.v1", "e1", MONDAY, order_id="ORD-1")), "type-unknown"),
    "everybody": (line(placed("*", identity="all")), "order-id-unusable"),
    "replaces all": (line(placed("ORD-7", replaces="*")), "order-id-unusable"),
    "nobody": (line(scan("s1", "in_transit", MONDAY, "---")), "order-unknown"),
    "very large": (line(placed("ORD-8", remark="x" * LARGEST_EVENT)), "record-too-large"),
}


def test_no_record_stops_a_worker(kafka, topic_prefix, tmp_path):
    """Each becomes a letter, with its code, its place and its beginning; a record without a value says nothing."""
    deployment = deploy(kafka, topic_prefix, tmp_path)
    junk = os.urandom(1_040_000)
    records = [raw for raw, _ in POISON.values()]

    async def story():
        async with working(deployment) as worker:
            await put(deployment, "orders", [*records, None, junk, placed("ORD-1")])
            await until_journaled(deployment, "ORD-1-placed")
            await until({("orders", 0): len(records) + 3}, partial(committed, deployment))
        return await letters(deployment), worker.vitals.counts

    found, counts = asyncio.run(story())
    by_place = {one.place: one for one in found}
    name = source(deployment, "orders")
    told = {poison: by_place[f"{name}[0]@{offset}"].code for offset, poison in enumerate(POISON)}
    largest = by_place[f"{name}[0]@{len(records) + 1}"]

    assert told == {poison: code for poison, (_, code) in POISON.items()}
    assert largest.raw == junk[:KEPT_OF_DEAD_LETTER]
    assert len(found) == len(records) + 1
    assert counts["ignored", "native"] == 1
    assert sum(number for (key, _), number in counts.items() if key == "dead_letters") == len(records) + 1


def test_the_same_record_read_twice_is_the_same_letter(kafka, topic_prefix, tmp_path):
    """Its id depends on where it stood and when it came, not on who read it when."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        await put(deployment, "orders", [b"junk", line(scan("s1", "in_transit", MONDAY, "---"))])
        for run in range(2):
            group = f"{deployment.settings.topic_prefix}-ingest"
            async with working(deployment):
                await until({("orders", 0): 2}, partial(committed, deployment))
            if run == 0:
                await asyncio.to_thread(forget_group, kafka, group)
        topic = deployment.topics.dead_letters
        return [read_letter(one.value).id for one in await records_of(deployment.settings, topic.name, 1)]

    first, second, *again = asyncio.run(story())

    assert again == [first, second]


def forget_group(kafka, group: str) -> None:
    """Make a group begin anew."""
    with admin(kafka.bootstrap) as client:
        client.delete_groups([group])


def test_junk_in_our_own_topics_is_set_aside(kafka, topic_prefix, tmp_path):
    """Somebody wrote to the tracking numbers and the parked scans: two letters, and the work goes on."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        for topic in (deployment.topics.tracking, deployment.topics.parked):
            await put_raw(deployment, topic.name, [b"junk", None], keys=[b"a", b"b"])
        async with working(deployment):
            await until(["parked-unreadable", "tracking-unreadable"], partial(codes, deployment))
            await put_raw(deployment, deployment.topics.tracking.name, [b"\xc1"], keys=[b"\xff"])
            await until(
                ["parked-unreadable", "tracking-unreadable", "tracking-unreadable"],
                partial(codes, deployment),
            )
            await put(deployment, "orders", [placed("ORD-1")])
            await until_journaled(deployment, "ORD-1-placed")

    asyncio.run(story())


# ---------------------------------------------------------------------------- a history

DAY = 24 * HOUR


def tick_record(moment: datetime) -> dict:
    """The record of a history that says: nothing came until then."""
    return event("time.passed.v1", f"tick-{moment.isoformat()}", moment, order_id="*")


async def until_committed(deployment, **expected: int) -> None:
    """Wait until so many records of each source are done with, all its partitions together."""

    async def done() -> dict[str, int]:
        found = await committed(deployment)
        return {name: sum(at for (one, _), at in found.items() if one == name) for name in expected}

    await until(expected, done)


def test_a_history_is_written_down_in_the_order_of_its_own_times(kafka, topic_prefix, tmp_path):
    """Several partitions become one sequence; what was recorded when is what the records say, not our clock."""
    deployment = deploy(kafka, topic_prefix, tmp_path, partitions=1, clock="history")
    names = {("orders", 0): "a", ("orders", 1): "b", ("shipments", 0): "c", ("shipments", 1): "d"}
    minutes = {"a": [0, 7, 7, 30], "b": [3, 7, 31], "c": [1, 2, 20], "d": [7, 25, 24, 26]}

    async def story():
        for (topic, partition), name in names.items():
            times = [MONDAY + minute * MINUTE for minute in minutes[name]]
            events = [
                placed(f"ORD-{name}{number}", identity=f"{name}{number}") for number in range(len(times))
            ]
            await put(deployment, topic, events, partition=partition, at=list(map(milliseconds, times)))
        async with working(deployment):
            await until_committed(deployment, orders=7, shipments=7)
        return await journal(deployment)

    entries = asyncio.run(story())
    told = [(one.id, int((one.recorded_at - MONDAY) / MINUTE)) for one in entries]

    # Where a partition goes back in time, as at d2, its own order stays.
    assert told == [
        *(("a0", 0), ("c0", 1), ("c1", 2), ("b0", 3), ("a1", 7), ("a2", 7), ("b1", 7), ("d0", 7), ("c2", 20)),
        *(("d1", 25), ("d2", 24), ("d3", 26), ("a3", 30), ("b2", 31)),
    ]


def test_a_tick_of_a_history_is_heard_in_every_partition(kafka, topic_prefix, tmp_path):
    """Behind all that came before it, and before what came later."""
    deployment = deploy(kafka, topic_prefix, tmp_path, clock="history")
    noon, night = MONDAY, MONDAY + 9 * HOUR

    async def story():
        events = [placed("ORD-1"), tick_record(night), placed("ORD-2")]
        times = [milliseconds(one) for one in (noon, night, night + MINUTE)]
        await put(deployment, "orders", events, at=times)
        async with working(deployment):
            await until_committed(deployment, orders=3)
        return [(one.partition, decode_entries(one.value)) for one in await blocks(deployment)]

    heard: dict[int, list[tuple[str, datetime]]] = {}
    for partition, entries in asyncio.run(story()):
        heard.setdefault(partition, []).extend((one.order_id, one.recorded_at) for one in entries)
    expected = {partition: [("*", night)] for partition in range(3)}
    expected[partition_of("ORD-1", 3)].insert(0, ("ORD-1", noon))
    expected[partition_of("ORD-2", 3)].append(("ORD-2", night + MINUTE))

    assert heard == expected


def test_the_same_history_makes_the_same_journal_byte_for_byte(kafka, topic_prefix, tmp_path):
    """Blocks included, whatever was fetched when."""
    shop = write_shop(Plan(orders=400, days=8, seed=11), tmp_path / "shop")
    lines = [one for one in shop.events.read_bytes().splitlines() if one.strip()]
    parts: dict[tuple[str, int], list[bytes]] = {}
    for one in lines:
        wire_type = json.loads(one).get("type", "") if one.startswith(b"{") else ""
        name = "shipments" if wire_type.startswith(("checkpoint", "shipment")) else "orders"
        parts.setdefault((name, len(one) % 3), []).append(one)

    async def run(name: str) -> dict[int, list[bytes]]:
        deployment = deployments[name]
        for (topic, partition), some in parts.items():
            times = [milliseconds(datetime.fromisoformat(json.loads(one)["time"])) for one in some]
            await put(deployment, topic, some, partition=partition, at=times)
        async with working(deployment):
            sizes = {
                topic: sum(len(some) for (at, _), some in parts.items() if at == topic) for topic, _ in parts
            }
            await until_committed(deployment, **sizes)
        found: dict[int, list[bytes]] = {}
        for one in await blocks(deployment):
            found.setdefault(one.partition, []).append(one.value)
        return found

    deployments = {
        name: deploy(
            kafka,
            f"{topic_prefix}{name}-",
            tmp_path,
            sources={"orders": 3, "shipments": 3},
            config={"message.timestamp.after.max.ms": str(2**63 - 1)},  # the simulated shop lives ahead of us
            partitions=2,
            clock="history",
        )
        for name in ("once", "again")
    }
    once, again = asyncio.run(run("once")), asyncio.run(run("again"))
    count_ = sum(len(decode_entries(block)) for some in once.values() for block in some)

    assert once == again
    assert count_ > 0.9 * len(lines)
    assert max(len(some) for some in once.values()) > 5


def test_patience_ends_in_the_time_of_the_history(kafka, topic_prefix, tmp_path):
    """A label that comes four days after the scan is too late, however fast the history is read."""
    deployment = deploy(kafka, topic_prefix, tmp_path, clock="history")

    async def story():
        events = [scan("s1", "in_transit", MONDAY, "1ZORD-1"), shipped("ORD-1")]
        events += [scan("s2", "in_transit", MONDAY, "1ZORD-2"), shipped("ORD-2")]
        times = [MONDAY, MONDAY + 4 * DAY, MONDAY + 4 * DAY, MONDAY + 6 * DAY]
        await put(deployment, "orders", events, at=list(map(milliseconds, times)))
        async with working(deployment):
            await until_committed(deployment, orders=4)
            await until(set(), partial(parked, deployment))
        return await ids(deployment), await letters(deployment)

    found, (letter,) = asyncio.run(story())

    assert found == ["ORD-1-labelled", "ORD-2-labelled", "s2"]
    assert (letter.code, letter.at) == ("tracking-number-unclaimed", MONDAY + PATIENCE)


def test_a_record_without_a_usable_time_is_set_aside(kafka, topic_prefix, tmp_path):
    """It would be recorded in 1970."""
    deployment = deploy(kafka, topic_prefix, tmp_path, clock="history")

    async def story():
        await put(deployment, "orders", [placed("ORD-1"), placed("ORD-2")], at=[0, milliseconds(MONDAY)])
        async with working(deployment):
            await until_journaled(deployment, "ORD-2-placed")
            await until(["time-out-of-range"], partial(codes, deployment))

    asyncio.run(story())


def test_a_topic_that_stamps_by_arrival_holds_no_history(kafka, topic_prefix, tmp_path):
    """All of it would be recorded now; the worker says so before anything is written down."""
    config = {"message.timestamp.type": "LogAppendTime"}
    deployment = deploy(kafka, topic_prefix, tmp_path, clock="history", config=config)

    async def story():
        await put(deployment, "orders", [placed("ORD-1")])
        with pytest.raises(UsageProblem) as caught:
            async with working(deployment) as worker:
                await asyncio.wait_for(worker.crashed(), 30)
        return caught.value, await blocks(deployment), await committed(deployment)

    problem, written, positions = asyncio.run(story())

    assert problem.code == "history-without-time"
    assert (written, positions) == ([], {})


# ---------------------------------------------------------------------------- the world


def test_brokers_that_are_not_there_are_a_problem(tmp_path):
    """With the code that people look for."""
    deployment = Deployment(Broker(f"127.0.0.1:{free_ports(1)[0]}"), "nowhere-", tmp_path)

    async def story():
        with pytest.raises(WorldProblem) as caught:
            await Ingest(deployment.settings).start()
        return caught.value

    assert asyncio.run(story()).code == "kafka-unreachable"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TopicAuthorizationFailedError("orders"), "kafka-refused"),
        (GroupAuthorizationFailedError("shop-ingest"), "kafka-refused"),
        (AuthenticationFailedError("wrong password"), "kafka-refused"),
        (KafkaTimeoutError("no answer"), "kafka-unreachable"),
        (ProducerFenced("another one"), "kafka-failed"),
    ],
)
def test_what_the_client_says_becomes_a_problem(tmp_path, error, code):
    """A person reads what to do, and the client's own words."""
    settings = Deployment(Broker("127.0.0.1:1"), "nowhere-", tmp_path).settings

    async def story():
        worker = Ingest(settings)
        worker._die(error)
        return await worker.crashed()

    problem = asyncio.run(story())

    assert problem.code == code
    assert type(error).__name__ in problem.why


def test_a_topic_of_an_unknown_source_is_a_problem(tmp_path):
    """Said before anything is connected."""
    settings = Deployment(Broker("127.0.0.1:1"), "nowhere-", tmp_path, topics="orders=nativ").settings

    async def story():
        Ingest(settings)

    with pytest.raises(UsageProblem, match="nativ"):
        asyncio.run(story())


def test_a_failed_write_ends_the_worker(kafka, topic_prefix, tmp_path):
    """A journal that refuses a block for ever: crash, with a problem, and nothing is committed."""
    deployment = deploy(kafka, topic_prefix, tmp_path, partitions=1)
    journal_topic = deployment.topics.journal

    async def story():
        await asyncio.to_thread(kafka.delete_topics, [journal_topic.name])
        await asyncio.to_thread(kafka.create_topics, {journal_topic.name: 1}, {"max.message.bytes": "200"})
        await put(deployment, "orders", [placed(f"ORD-{number}") for number in range(20)])
        with pytest.raises(WorldProblem) as caught:
            async with working(deployment) as worker:
                await asyncio.wait_for(worker.crashed(), 30)
        return caught.value, await committed(deployment)

    problem, positions = asyncio.run(story())

    assert problem.code == "kafka-failed"
    assert "MessageSizeTooLarge" in problem.why
    assert positions == {}


def test_a_worker_tells_of_its_lag_and_rests_when_it_has_none(kafka, topic_prefix, tmp_path):
    """What the monitor shows: ready, lag by partition, scans that wait; idle is not stuck."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        async with working(deployment) as worker:
            vitals = worker.vitals
            await put(deployment, "orders", [scan("s1", "in_transit", MONDAY, "1ZORD-1"), placed("ORD-1")])
            name = f"{source(deployment, 'orders')}-0"
            await until(0, lambda: value(vitals.gauges.get(("lag", name))))
            await until(1, lambda: value(vitals.gauges["parked", ""]))
            await until(0.0, lambda: value(vitals.stuck_for()))
            ready = vitals.is_ready
        return ready, vitals.is_ready

    assert asyncio.run(story()) == (True, False)
