"""What the brokers or their client raise, as problems that a person can do something about."""

from __future__ import annotations

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from streams.problems import Problem, WorldProblem
from streams.service.client import unreachable
from streams.service.connection import refused
from streams.settings import Settings


def problem_of(settings: Settings, error: BaseException) -> BaseException:
    """Return the problem behind an error of the brokers; any other error comes back as it is."""
    if isinstance(error, KafkaConnectionError | KafkaTimeoutError | OSError):
        return unreachable(settings, error)
    if isinstance(error, Problem) or not isinstance(error, KafkaError):
        return error
    why = f"{type(error).__name__}: {error}"
    if "Authori" in why or "Authenti" in why:
        return refused(settings, why)
    return WorldProblem(
        "kafka-failed",
        "Kafka, or our client of it, failed",
        where=settings.kafka,
        why=why,
        hint="start the worker again; if it dies of this again, look at the logs of the brokers",
    )
