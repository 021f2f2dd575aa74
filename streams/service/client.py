"""Our producers and consumers: one place for the options that keep records safe."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.problems import WorldProblem
from streams.service.connection import connection
from streams.service.topics import LARGEST_RECORD
from streams.settings import Settings

FETCH = 8 * 1024 * 1024  # bytes per partition and fetch: some 60 full blocks


def producer(settings: Settings, role: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer whose retries neither double nor reorder: idempotent, acknowledged by all replicas."""
    return AIOKafkaProducer(
        **connection(settings, role),
        **{
            "enable_idempotence": True,
            "acks": "all",
            # aiokafka presses lz4 at its highest level: zstd takes a sixth of the time, and a third less room.
            "compression_type": "zstd",
            "max_request_size": LARGEST_RECORD,
            "max_batch_size": 512 * 1024,
            "linger_ms": 2,
            **options,
        },
    )


def reader(settings: Settings, role: str, **options: Any) -> AIOKafkaConsumer:
    """Return a consumer that belongs to no group and commits nothing, for reading a stretch of a partition."""
    return AIOKafkaConsumer(
        **connection(settings, role),
        **{
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "max_partition_fetch_bytes": FETCH,
            "fetch_max_bytes": 4 * FETCH,
            **options,
        },
    )


def unreachable(settings: Settings, error: Exception) -> WorldProblem:
    """Return the problem of brokers that do not answer."""
    return WorldProblem(
        "kafka-unreachable",
        "the Kafka brokers do not answer",
        where=settings.kafka,
        why=f"{type(error).__name__}: {error}" if isinstance(error, KafkaError) else str(error),
        hint="check FIRSTWORD_KAFKA and FIRSTWORD_KAFKA_SECURITY; `firstword topics check` tries again",
    )
