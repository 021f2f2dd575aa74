"""A raw topic read ahead by a process: fair to all partitions, honest about failures, gone when it is not needed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from streams import sources
from streams.ops import ahead
from streams.ops.brokers import TopicPartition
from streams.ops.raw_topic import RawTopic
from streams.problems import WorldProblem
from streams.settings import load
from tests import service_rig
from tests.embedded_runs import ROOT
from tests.kafka_rig import admin

NATIVE = sources.discover()["native"]
COUNT = 400  # records of a partition: many times what may be ahead
PARTITIONS = 3


@pytest.fixture
def topic(kafka, topic_prefix, monkeypatch):
    """A topic whose partitions are long, for a reader that may be ahead by little."""
    name = f"{topic_prefix}raw"
    kafka.create_topics({name: PARTITIONS})
    places = [(partition, number) for number in range(COUNT) for partition in range(PARTITIONS)]
    for begin in range(0, len(places), 60):  # in small batches: one batch is always fetched whole
        some = [(partition, b"%d-%d" % (partition, number)) for partition, number in places[begin:][:60]]
        asyncio.run(service_rig.put(load({}, kafka=kafka.bootstrap), name, some))
    monkeypatch.setattr(ahead, "_PARCEL", 5)
    monkeypatch.setattr(ahead, "_LEAST", 10)
    monkeypatch.setattr(ahead, "_MOST", 30)
    monkeypatch.setattr(ahead, "_FETCH", 300)
    return name


def raw_topic(kafka, topic):
    return RawTopic(load({}, kafka=kafka.bootstrap), topic, NATIVE)


def whole(partition):
    """What a partition holds."""
    return [b"%d-%d" % (partition, number) for number in range(COUNT)]


def test_a_partition_may_be_read_to_its_end_before_another_one_begins(kafka, topic):
    """As when one of them holds last year and the other this year; nobody waits for somebody who does not read."""
    raw = raw_topic(kafka, topic)
    readings = [raw.read(place) for _, place in raw.feeds()]
    firsts = [next(reading).raw for reading in readings]
    rests = [[one.raw for one in readings[partition]] for partition in (2, 0, 1)]

    assert firsts == [whole(0)[0], whole(1)[0], whole(2)[0]]
    assert rests == [whole(2)[1:], whole(0)[1:], whole(1)[1:]]
    assert multiprocessing.active_children() == []


def test_partitions_are_read_side_by_side_by_one_process(kafka, topic):
    """One record of each in turn, as a merge by time wants them."""
    raw = raw_topic(kafka, topic)
    readings = [raw.read(place) for _, place in raw.feeds()]
    turns = [[one.raw for one in turn] for turn in zip(*readings, strict=False) if _one_child()]

    assert turns == [list(turn) for turn in zip(whole(0), whole(1), whole(2), strict=True)]


def _one_child():
    return len(multiprocessing.active_children()) == 1


def test_a_partition_can_be_read_twice_at_the_same_time(kafka, topic):
    """The second reader has a connection of its own."""
    raw = raw_topic(kafka, topic)
    (_, place), *_ = raw.feeds()
    pairs = list(zip(raw.read(place), raw.read(place), strict=True))

    assert [(one.raw, other.raw) for one, other in pairs] == [(value, value) for value in whole(0)]


def test_who_stops_in_the_middle_leaves_no_process(kafka, topic):
    """Nor does a topic that is read by and by."""
    raw = raw_topic(kafka, topic)
    for _, place in raw.feeds():
        with closing(raw.read(place)) as reading:
            first = next(reading)

        assert first.raw.endswith(b"-0")
        assert multiprocessing.active_children() == []


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 10, 11])
def test_the_process_may_be_done_long_before_we_are(kafka, topic, topic_prefix, count):
    """What it has handed over is all there, whole parcels and the last one, though it has ended."""
    short = f"{topic_prefix}short"
    kafka.create_topics({short: 1})
    values = [(0, b"%d" % number) for number in range(count)]
    asyncio.run(service_rig.put(load({}, kafka=kafka.bootstrap), short, values))
    raw = raw_topic(kafka, short)
    read = []
    for one in raw.read(f"{short}[0]"):
        read.append((0, one.raw))
        for child in multiprocessing.active_children():
            child.join(0.2 if count > 5 else 2)

    assert read == values


def test_a_process_that_is_killed_is_no_end_of_the_topic(kafka, topic):
    """Else half a history would look like a whole one."""
    raw = raw_topic(kafka, topic)
    (_, place), *_ = raw.feeds()
    reading = raw.read(place)
    read = [next(reading)]
    (child,) = multiprocessing.active_children()
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(WorldProblem) as caught:
        read.extend(reading)

    assert caught.value.code == "kafka-failed"
    assert "has ended" in caught.value.what
    assert len(read) < COUNT
    assert multiprocessing.active_children() == []


def test_what_the_process_meets_is_said_here(kafka, topic):
    """With its code and its place: these records were deleted after the topic was looked at."""
    raw = raw_topic(kafka, topic)
    with admin(kafka.bootstrap) as client:
        client.delete_records({TopicPartition(topic, 1): 50})
    _, (_, place), _ = raw.feeds()
    with pytest.raises(WorldProblem) as caught:
        list(raw.read(place))

    assert caught.value.code == "kafka-failed"
    assert "OffsetOutOfRange" in caught.value.why


READS = """
import multiprocessing, sys
from streams import sources
from streams.ops import ahead
from streams.ops.raw_topic import RawTopic
from streams.settings import load
ahead._PARCEL, ahead._LEAST, ahead._MOST, ahead._FETCH = 5, 10, 30, 300
raw = RawTopic(load({}, kafka=sys.argv[1]), sys.argv[2], sources.discover()["native"])
readings = [raw.read(place) for _, place in raw.feeds()]
firsts = [next(reading) for reading in readings]
(child,) = multiprocessing.active_children()
print(child.pid, flush=True)
input()
"""


def test_the_process_does_not_outlive_a_killed_reader(kafka, topic):
    """It waits for a question that never comes, and notices that nobody is there."""
    command = [sys.executable, "-c", READS, kafka.bootstrap, topic]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        child = int(reader.stdout.readline())
        alive = _is_alive(child)
        reader.kill()
    deadline = time.monotonic() + 30
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert (alive, _is_alive(child)) == (True, False)


def _is_alive(pid):
    """True for a process that runs; one that nobody has buried yet is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
