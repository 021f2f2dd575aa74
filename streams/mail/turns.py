"""Turns per case: its mails go out one after another, in order, and agree on their subject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """One at a time per case; belongs to one event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, case_id: str) -> AsyncIterator[None]:
        """Wait for the case's turn and hold it."""
        lock, waiting = self._locks.get(case_id, (asyncio.Lock(), 0))
        self._locks[case_id] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks.pop(case_id)
            if waiting > 1:
                self._locks[case_id] = lock, waiting - 1
