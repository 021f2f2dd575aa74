"""Talks to the brokers about themselves, and waits for brokers that are still starting."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams import telemetry
from streams.clock import stopwatch
from streams.service.client import unreachable
from streams.service.connection import connection
from streams.settings import Settings

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0  # seconds; doubled in between
_ANSWER_WITHIN = 10_000  # milliseconds
_T = TypeVar("_T")


@asynccontextmanager
async def connect(settings: Settings, role: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect for questions about topics.

    Raises:
        aiokafka.errors.KafkaError: no broker answers.
        WorldProblem: ``kafka-certificate``.
    """
    admin = AIOKafkaAdminClient(**connection(settings, role), request_timeout_ms=_ANSWER_WITHIN)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def patiently(settings: Settings, patience: float, ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask the brokers, again and again for ``patience`` seconds, until they answer.

    Raises:
        WorldProblem: ``kafka-unreachable``; whatever ``ask`` raises that is not about reaching them.
    """
    deadline, pause = stopwatch() + patience, _FIRST_PAUSE
    while True:
        with _heard() as heard:
            try:
                return await ask()
            except (KafkaError, OSError, TimeoutError) as error:
                problem = unreachable(settings, ConnectionError(heard[-1]) if heard else error)
        if stopwatch() + pause > deadline:
            raise problem
        if pause == _FIRST_PAUSE:
            telemetry.brokers_awaited(brokers=settings.kafka, why=problem.why, seconds=patience)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what aiokafka only writes to its log: why nobody answered; its error says no more than that."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign] # a list is enough
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("aiokafka")
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated
