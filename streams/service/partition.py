"""Which partition an order lives in: the same for every worker, for ever."""

from __future__ import annotations

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(
    maxsize=262_144
)  # murmur2 in Python costs more than folding the event; orders come back a dozen times
def partition_of(key: str, count: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it: murmur2 of its UTF-8, positive, modulo.

    (org.apache.kafka.clients.producer.internals.BuiltInPartitioner.)
    """
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % count)
