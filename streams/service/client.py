"""How we speak to the brokers: one place for addresses, protection and the options that keep records safe."""

from __future__ import annotations

import ssl
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.problems import WorldProblem
from streams.service.topics import LARGEST_RECORD
from streams.settings import Settings

FETCH = 8 * 1024 * 1024  # bytes per partition and fetch: some 60 full blocks


def connection(settings: Settings, role: str) -> dict[str, Any]:
    """Return what every client of ours is made with; ``role`` ends its name in the brokers' logs."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka.split(","),
        "client_id": f"{settings.client_id}-{role}",
        "security_protocol": settings.kafka_security.upper(),
    }
    if settings.kafka_security.endswith("ssl"):
        options["ssl_context"] = tls(settings)
    if settings.kafka_security.startswith("sasl"):
        options["sasl_mechanism"] = settings.kafka_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = (
            settings.kafka_password.reveal() if settings.kafka_password is not None else ""
        )
    return options


def tls(settings: Settings) -> ssl.SSLContext:
    """Return how certificates are checked and shown.

    Raises:
        WorldProblem: ``kafka-certificate``: a file cannot be read or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca)
        if settings.kafka_certificate is not None:
            context.load_cert_chain(settings.kafka_certificate)
    except (OSError, ssl.SSLError) as error:
        raise WorldProblem(
            "kafka-certificate",
            "the certificates for Kafka cannot be used",
            where=str(settings.kafka_ca or settings.kafka_certificate or "the system's certificates"),
            why=str(error),
            hint="name PEM files with FIRSTWORD_KAFKA_CA and FIRSTWORD_KAFKA_CERTIFICATE",
        ) from error
    return context


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
