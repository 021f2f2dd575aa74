"""How long a worker bears with a world that is out of order for a moment, before it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from streams import telemetry
from streams.clock import stopwatch
from streams.problems import Problem

# A database takes 5 to 20 s to come back after a restart or a failover. Who waits for it still knows what
# the relay said to the mails under way; who ends leaves them in doubt.
PATIENCE = 30.0
_PAUSE = 1.0  # seconds between two tries
_TELL_EVERY = 10.0  # seconds

_T = TypeVar("_T")


class Patience:
    """For one sort of trouble; all that wait share its log line."""

    def __init__(self, seconds: float = PATIENCE, *, pause: float = _PAUSE) -> None:
        self._seconds = seconds
        self._pause = pause
        self._told_at = -_TELL_EVERY

    async def with_(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Try, and again while a problem passes by itself; raise it when it has not passed in time.

        Raises:
            streams.problems.Problem: of the last try, or one that does not pass by itself.
        """
        began: float | None = None
        while True:
            try:
                return await attempt()
            except Problem as problem:
                began = stopwatch() if began is None else began
                if not problem.retriable or stopwatch() - began > self._seconds:
                    raise
                self._tell(problem)
            await asyncio.sleep(self._pause)

    def _tell(self, problem: Problem) -> None:
        if stopwatch() - self._told_at > _TELL_EVERY:
            self._told_at = stopwatch()
            telemetry.world_awaited(code=problem.code, why=problem.why)
