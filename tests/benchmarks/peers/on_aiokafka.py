"""The floor in our own client: aiokafka reads the records and does nothing with them."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.benchmarks.peers.tally import Tally, task


async def main() -> None:
    """Read the topic, once."""
    told = task()
    tally = Tally(told.events)
    fetch = 8 * 1024 * 1024  # bytes, as our own workers have it
    consumer = AIOKafkaConsumer(
        bootstrap_servers=told.bootstrap, max_partition_fetch_bytes=fetch, fetch_max_bytes=4 * fetch
    )
    await consumer.start()
    partitions = [TopicPartition(told.topic, number) for number in range(told.partitions)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    tally.begin()
    while tally.seen < told.events:
        found = await consumer.getmany(timeout_ms=1000)
        tally.more(sum(map(len, found.values())))
    await consumer.stop()
    tally.write(told.report)


if __name__ == "__main__":
    asyncio.run(main())
