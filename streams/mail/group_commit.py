"""Shares one ledger transaction among all messages that want one at the same moment.

A commit costs nearly the same for one row as for a hundred. While one batch is written, the next one
gathers; alone, a message waits for nobody. Who holds nobody up may say so (``patient``) and goes along with
the next one who does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from streams.mail.ledger import Claim, Ledger, Row, Swap, Written

_PATIENCE = 0.002  # seconds: some mails of the fastest pool; little beside the wait for a relay's answer
_T = TypeVar("_T")
_BATCH = 400  # rows in one transaction: beyond that a batch delays more than it saves


class GroupCommit:
    """Awaitable claims and swaps; each returns when it is durable. Belongs to one event loop."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, "mail-ledger") if ledger.slow else None
        self._claims: list[tuple[Row, asyncio.Future[Claim]]] = []
        self._swaps: list[tuple[Swap, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def claim(self, row: Row) -> Claim:
        """Insert a row, or learn what is there."""
        answer: asyncio.Future[Claim] = asyncio.get_running_loop().create_future()
        self._claims.append((row, answer))
        self._wake()
        return await answer

    async def swap(self, old: Row, new: Row, *, patient: bool = False) -> bool:
        """Change a row; False when it was not as expected."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._swaps.append((Swap(old=old, new=new), answer))
        if patient:
            self._wake_later()
        else:
            self._wake()
        return await answer

    async def aside(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Ask the ledger for something that is neither; where writes are made, so that nothing else waits."""
        if self._thread is None:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def close(self) -> None:
        """Write what waits, then let go of the thread."""
        self._wake()
        while self._writing is not None:
            await asyncio.wait([self._writing])
        if self._thread is not None:
            self._thread.shutdown()

    def _wake_later(self) -> None:
        if self._writing is None and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(_PATIENCE, self._wake)

    def _wake(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._writing is None and (self._claims or self._swaps):
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._claims or self._swaps:
                claims, self._claims = self._claims[:_BATCH], self._claims[_BATCH:]
                swaps, self._swaps = self._swaps[:_BATCH], self._swaps[_BATCH:]
                await self._write(claims, swaps)
        finally:
            self._writing = None

    async def _write(
        self,
        claims: list[tuple[Row, asyncio.Future[Claim]]],
        swaps: list[tuple[Swap, asyncio.Future[bool]]],
    ) -> None:
        try:
            written = await self._written([row for row, _ in claims], [swap for swap, _ in swaps])
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to those who wait
            for _, claim_answer in claims:
                _fail(claim_answer, error)
            for _, swap_answer in swaps:
                _fail(swap_answer, error)
            return
        for (_, claim_answer), claim in zip(claims, written.claims, strict=True):
            if not claim_answer.done():
                claim_answer.set_result(claim)
        for (_, swap_answer), won in zip(swaps, written.swaps, strict=True):
            if not swap_answer.done():
                swap_answer.set_result(won)

    async def _written(self, claims: list[Row], swaps: list[Swap]) -> Written:
        if self._thread is None:
            return self._ledger.write(claims, swaps)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ledger.write, claims, swaps)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
