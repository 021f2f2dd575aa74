"""Topics read as an onlooker: raw ones and our own, with gaps, with records that are gone, with brokers that die."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer

from streams import sources
from streams.codec.blocks import decode_entries
from streams.ops.brokers import TopicPartition
from streams.ops.log_kafka import JournalTopics
from streams.ops.opening import open_history
from streams.ops.raw_topic import RawTopic
from streams.ops.recording import record
from streams.problems import InputProblem, UsageProblem, WorldProblem
from streams.settings import load
from tests import fold_rig, service_rig
from tests.embedded_runs import ROOT
from tests.kafka_rig import admin
from tests.ndjson import HOUR, MONDAY, delivered_well, line, write
from tests.service_rig import Deployment

NATIVE = sources.discover()["native"]


def settings_of(broker, **given):
    """Settings that name the broker."""
    return load({}, kafka=broker.bootstrap, **given)


def put(settings, topic, values):
    """Write records, each into its partition."""
    asyncio.run(service_rig.put(settings, topic, values))


def forget(broker, topic, before):
    """Delete what lies in partition 0 before an offset, as a retention does."""
    with admin(broker.bootstrap) as client:
        client.delete_records({TopicPartition(topic, 0): before})


def told(history):
    """Which event was recorded when, partition by partition."""
    return [
        [
            (entry.id, entry.recorded_at)
            for batch in history.batches(extent.partition)
            for entry in decode_entries(batch.block)
        ]
        for extent in history.extents()
    ]


def test_a_raw_topic_is_recorded_like_a_file(kafka, topic_prefix, tmp_path):
    """Labels in one partition, scans in the other: merged by when things happened, whenever they were sent."""
    orders = [delivered_well(f"ORD-{number}", MONDAY + number * HOUR) for number in range(40)]
    first = write(tmp_path / "0.ndjson", *(one for order in orders for one in order[:2]))
    second = write(tmp_path / "1.ndjson", *(one for order in orders for one in order[2:]))
    settings = settings_of(kafka, partitions=3)
    topic = f"{topic_prefix}orders"
    kafka.create_topics({topic: 2})
    put(settings, topic, [(0, one) for one in first.read_bytes().splitlines()])
    put(settings, topic, [(1, one) for one in second.read_bytes().splitlines()])
    of_files = open_history(data=None, kafka=False, sources=(str(first), str(second)), settings=settings)
    of_topic = open_history(data=None, kafka=False, sources=(f"native=topic:{topic}",), settings=settings)
    expected, found = told(of_files), told(of_topic)
    of_files.close()
    of_topic.close()

    assert found == expected
    assert sum(map(len, found)) == 160


def test_a_record_of_a_raw_topic_says_where_it_stood(kafka, topic_prefix):
    """As a person finds it again; an empty one is a record, too, and what came later is not."""
    settings = settings_of(kafka)
    topic = f"{topic_prefix}orders"
    kafka.create_topics({topic: 2})
    put(settings, topic, [(0, b"a"), (1, b"b"), (0, b"")])
    raw = RawTopic(settings, topic, NATIVE)
    put(settings, topic, [(0, b"later")])
    read = {
        place: [(one.place, one.position, one.raw) for one in raw.read(place)] for _, place in raw.feeds()
    }
    rest = [one.raw for one in raw.read(f"{topic}[0]", after=0)]

    assert read == {
        f"{topic}[0]": [(f"{topic}[0]@0", 0, b"a"), (f"{topic}[0]@1", 1, b"")],
        f"{topic}[1]": [(f"{topic}[1]@0", 0, b"b")],
    }
    assert rest == [b""]


def test_what_a_transaction_took_back_was_never_said(kafka, topic_prefix):
    """And the marks that end it, which are offsets without records, end no reading early or never."""
    settings = settings_of(kafka)
    topic = f"{topic_prefix}orders"
    kafka.create_topics({topic: 1})

    async def send():
        sender = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=f"{topic_prefix}shop")
        await sender.start()
        for event, is_meant in ((b"one", True), (b"a slip", False), (b"two", True), (b"a slip", False)):
            await sender.begin_transaction()
            await sender.send_and_wait(topic, event, partition=0)
            await (sender.commit_transaction() if is_meant else sender.abort_transaction())
        await sender.stop()

    asyncio.run(send())
    raw = RawTopic(settings, topic, NATIVE)
    read = [(one.raw, one.position) for one in raw.read(f"{topic}[0]")]

    assert read == [(b"one", 0), (b"two", 4)]


def test_an_empty_topic_is_an_empty_history(kafka, topic_prefix):
    """Nothing came, and nothing is waited for."""
    topic = f"{topic_prefix}orders"
    kafka.create_topics({topic: 2})
    began = time.monotonic()
    raw = RawTopic(settings_of(kafka), topic, NATIVE)
    recordings = [record(*feed, partitions=1) for feed in raw.feeds()]
    counts = [Counter(one.counts) for one in recordings]
    for one in recordings:
        one.close()

    assert counts == [Counter(), Counter()]
    assert time.monotonic() - began < 20


def test_topics_that_are_not_there_are_a_problem(kafka, topic_prefix):
    """They are not made by looking for them."""
    before = kafka.topics()
    settings = settings_of(kafka, topic_prefix=topic_prefix.rstrip("-"))
    for asked in ({"kafka": True, "sources": ()}, {"kafka": False, "sources": ("native=topic:nowhere",)}):
        with pytest.raises(WorldProblem) as caught:
            open_history(data=None, settings=settings, **asked)

        assert caught.value.code == "topics-missing"
    assert kafka.topics() == before


def test_topics_that_do_not_fit_together_are_a_problem(kafka, topic_prefix):
    """Nobody would know in which partition an order's decisions are."""
    prefix = topic_prefix.rstrip("-")
    kafka.create_topics({f"{prefix}.journal": 3, f"{prefix}.decisions": 2})
    with pytest.raises(WorldProblem) as caught:
        JournalTopics(settings_of(kafka, topic_prefix=prefix))

    assert caught.value.code == "topic-partitions"


def test_what_is_gone_is_said_and_never_skipped(kafka, topic_prefix, tmp_path):
    """A retention that somebody set deletes under the reader; who opens anew begins where there is something."""
    deployment = Deployment(kafka, topic_prefix.rstrip("-"), tmp_path, partitions=1)
    deployment.declare()
    topic = deployment.topics.journal.name
    put(deployment.settings, topic, [(0, b"block %d" % number) for number in range(6)])
    history = JournalTopics(deployment.settings)
    forget(kafka, topic, 4)
    with pytest.raises(WorldProblem) as caught:
        list(history.batches(0))
    anew = [batch.position for batch in JournalTopics(deployment.settings).batches(0, start=1)]

    assert caught.value.code == "kafka-failed"
    assert caught.value.where.endswith(f"{topic}[0]@0")
    assert anew == [4, 5]


def test_a_decision_of_a_newer_program_is_a_problem(kafka, topic_prefix, tmp_path):
    """Left out, it would look as if it had never been made."""
    deployment = Deployment(kafka, topic_prefix.rstrip("-"), tmp_path, partitions=1)
    deployment.declare()
    newer = {
        "specversion": "1.0",
        "id": "dec_1",
        "source": "firstword",
        "type": "message.queued.v99",
        "subject": "ORD-1",
        "time": MONDAY.isoformat(),
        "data": {"order_id": "ORD-1"},
    }
    put(deployment.settings, deployment.topics.decisions.name, [(0, line(newer))])
    with pytest.raises(InputProblem) as caught:
        list(JournalTopics(deployment.settings).decided(0))

    assert caught.value.code == "type-newer"


def test_an_unknown_partition_is_a_problem(kafka, topic_prefix, tmp_path):
    """It names how many there are."""
    deployment = Deployment(kafka, topic_prefix.rstrip("-"), tmp_path, partitions=2)
    deployment.declare()
    with pytest.raises(UsageProblem) as caught:
        list(JournalTopics(deployment.settings).batches(2))

    assert "2 partitions" in caught.value.why


READ = """
import sys
from streams.ops import brokers
from streams.ops.log_kafka import JournalTopics
from streams.problems import WorldProblem
from streams.settings import load
brokers._AT_ONCE, brokers._FETCH = 10, 2048
history = JournalTopics(load({}, kafka=sys.argv[1], topic_prefix="shop", partitions=1))
for brokers.PATIENCE in 60.0, 1.0:
    reading = history.batches(0)
    read = [next(reading).position]
    print("begun", flush=True)
    input()
    try:
        read.extend(batch.position for batch in reading)
        print("whole" if read == list(range(200)) else read, flush=True)
    except WorldProblem as problem:
        print(problem.code, problem.where.endswith(f", shop.journal[0]@{read[-1] + 1}"), flush=True)
"""


def test_a_broker_that_dies_is_waited_for_and_then_given_up(own_broker, tmp_path):
    """It goes on where it stopped when it comes back in time; else the position is named.

    In a process of its own: kafka-python leaves sockets of refused connections to the garbage collector.
    """
    deployment = Deployment(own_broker, "shop", tmp_path, partitions=1)
    deployment.declare()
    blocks = [b"%04d" % number + b"x" * 1000 for number in range(200)]
    asyncio.run(fold_rig.put(deployment.settings, [blocks]))  # one by one: a batch comes whole
    command = [sys.executable, "-c", READ, own_broker.bootstrap]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        said = [reader.stdout.readline()]
        own_broker.stop()
        own_broker.restart()
        reader.stdin.write("on\n")
        reader.stdin.flush()
        said += [reader.stdout.readline(), reader.stdout.readline()]
        own_broker.kill()
        said += reader.communicate("on\n", timeout=60)[0].splitlines(keepends=True)

    assert said == ["begun\n", "whole\n", "begun\n", "kafka-unreachable True\n"]
