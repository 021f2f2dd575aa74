"""How we reach the brokers: addresses and protection, in words that all clients of Python share."""

from __future__ import annotations

import ssl
from typing import Any

from streams.problems import WorldProblem
from streams.settings import Settings


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


def refused(settings: Settings, why: str) -> WorldProblem:
    """Return the problem of brokers that know us and refuse something."""
    return WorldProblem(
        "kafka-refused",
        "the Kafka brokers refuse us",
        where=settings.kafka,
        why=why,
        hint="let our user read the sources, and read and write the topics and groups with our prefix",
    )
