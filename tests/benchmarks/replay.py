"""What replaying a history costs, beside its floors: ``python -m tests.benchmarks.replay [blocks|topic] [--json]``.

*blocks*: the journal of a simulated month, cut into partitions, decoded and folded in one process and in two,
beside decoding alone. *topic*: the same month as raw JSON in a topic, recorded and folded on all cores, beside
kafka-python's consumer alone, as it comes and as ``streams/ops/brokers.py`` sets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from streams.codec.blocks import Entry, decode_block, decode_entries, encode_block
from streams.ops.brokers import KafkaConsumer, TopicPartition, extents, looking
from streams.ops.opening import open_history
from streams.pipeline.processor import TICK_ORDER, Processor
from streams.service.partition import partition_of
from streams.settings import Settings, load
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap
from tests.kafka_rig import broker
from tests.service_rig import put

PARTITIONS = 12  # of the journal, as in the settings
RAW = 4  # partitions of the raw topic
FORK = multiprocessing.get_context("fork")


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, or both."""
    parts: dict[str, Callable[[], Iterator[Row]]] = {"blocks": of_blocks, "topic": of_topic}
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.replay", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {', '.join(parts)}")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the lines")
    asked = parser.parse_args(arguments)
    rows = [row for name in asked.parts or parts for row in parts[name]()]
    if asked.json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
        return 0
    for row in rows:
        aims = [
            f"{row.aim:,.0f} a second" if row.aim else "",
            f"{row.aim_ratio:.2f}" if row.aim_ratio else "",
        ]
        print(f"{row.name}: {row.rate:,.0f} {row.unit} a second, {row.ratio:.2f} of {row.floor_name}", end="")
        print(f" ({row.floor:,.0f}); aim {' and '.join(filter(None, aims)) or 'none'}")
    return 0


# ---------------------------------------------------------------------------- journal blocks


@cache
def journal() -> list[list[bytes]]:
    """The month's journal by partition, in full blocks; every partition has its own copy of the ticks."""
    parts: list[list[Entry]] = [[] for _ in range(PARTITIONS)]
    for block in month.blocks():
        for entry in decode_entries(block):
            of = parts if entry.order_id == TICK_ORDER else [parts[partition_of(entry.order_id, PARTITIONS)]]
            for part in of:
                part.append(entry)
    return [[encode_block(part[at : at + 256]) for at in range(0, len(part), 256)] for part in parts]


def fold(blocks: Iterator[bytes] | Sequence[bytes]) -> None:
    """Decode and fold one partition."""
    processor = Processor(month.policy())
    for block in blocks:
        for event in decode_block(block):
            processor.fold(event)


def on(processes: int, work: Sequence[Callable[[], object]]) -> None:
    """Do pieces of work, each in the process whose turn it is."""

    def some(number: int) -> None:
        for piece in work[number::processes]:
            piece()

    children = [FORK.Process(target=some, args=(number,)) for number in range(1, processes)]
    for child in children:
        child.start()
    some(0)
    for child in children:
        child.join()


def of_blocks() -> Iterator[Row]:
    """Replay of journal blocks: one process beside decoding, two beside one."""
    parts = journal()
    month.policy()
    count = sum(len(decode_block(block)) for part in parts for block in part)
    folds = [partial(fold, part) for part in parts]

    def decode() -> None:
        for part in parts:
            for block in part:
                decode_block(block)

    one = lap(lambda: on(1, folds), count)
    yield beside(
        "replay of blocks, one process",
        "events",
        one,
        lap(decode, count),
        floor_name="decoding alone",
        aim=100_000,
        aim_ratio=0.4,
    )
    yield beside(
        "replay of blocks, two processes",
        "events",
        lap(lambda: on(2, folds), count),
        one,
        floor_name="one process",
        aim_ratio=1.8,
    )


# ---------------------------------------------------------------------------- a raw topic


def of_topic() -> Iterator[Row]:
    """Replay of raw JSON out of a topic: recorded, then folded on all cores; beside its consumer alone."""
    lines = month.written().events.read_bytes().splitlines()
    month.policy()
    with broker() as kafka:
        settings = load({}, kafka=kafka.bootstrap, partitions=PARTITIONS)
        topic = f"replay-{os.getpid()}"
        kafka.create_topics({topic: RAW})
        asyncio.run(put(settings, topic, [(number % RAW, one) for number, one in enumerate(lines)]))
        ours = lap(partial(replay, settings, topic), len(lines))
        as_it_comes = lap(partial(consume_as_it_comes, settings, topic, len(lines)), len(lines))
        as_we_set_it = lap(partial(consume, settings, topic), len(lines))
        name = "replay of a raw topic, one process ahead"
        yield beside(
            name, "events", ours, as_it_comes, floor_name="its consumer alone, as it comes", aim_ratio=0.7
        )
        yield beside(name, "events", ours, as_we_set_it, floor_name="its consumer alone, as we set it")
        kafka.delete_topics([topic])


def replay(settings: Settings, topic: str) -> None:
    """What a command does with a raw topic."""
    texts = [f"native=topic:{topic}"]
    history = open_history(data=None, kafka=False, sources=texts, settings=settings)
    blocks = [
        partial(lambda one: fold(batch.block for batch in history.batches(one)), extent.partition)
        for extent in history.extents()
    ]
    on(os.cpu_count() or 1, blocks)
    history.close()


def consume(settings: Settings, topic: str) -> None:
    """Read every record, and do nothing with it."""
    with looking(settings, "benchmark") as consumer:
        ends = {TopicPartition(topic, one.partition): one for one in extents(consumer, topic, settings)}
        consumer.assign(list(ends))
        for place, extent in ends.items():
            consumer.seek(place, extent.first)
        left = sum(extent.end - extent.first for extent in ends.values())
        while left:
            left -= sum(map(len, consumer.poll(timeout_ms=500).values()))


def consume_as_it_comes(settings: Settings, topic: str, count: int) -> None:
    """Read every record with kafka-python's own settings, but for where it begins."""
    consumer = KafkaConsumer(topic, bootstrap_servers=settings.kafka, auto_offset_reset="earliest")
    while count:
        count -= sum(map(len, consumer.poll(timeout_ms=500).values()))
    consumer.close()


if __name__ == "__main__":
    sys.exit(main())
