"""The floor in the peers' client: confluent-kafka reads the records and does nothing with them."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.benchmarks.peers.tally import Tally, task


def main() -> None:
    """Read the topic, once."""
    told = task()
    tally = Tally(told.events)
    consumer = Consumer({"bootstrap.servers": told.bootstrap, "group.id": told.group})
    consumer.assign(
        [TopicPartition(told.topic, number, OFFSET_BEGINNING) for number in range(told.partitions)]
    )
    tally.more(len(consumer.consume(1, 30)))  # connecting takes it most of a second
    while tally.seen < told.events:
        tally.more(len(consumer.consume(10_000, 0.2)))
    consumer.close()
    tally.write(told.report)


if __name__ == "__main__":
    main()
