"""How far the sources are read, and how far of that everything is written down: offsets wait for acknowledgments."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from aiokafka import TopicPartition

Positions = Mapping[TopicPartition, int]
"""Partition of a source and the offset of the next record to be read there."""


class Progress:
    """Rounds of reading, each with the writes that it led to and how far it came.

    A round is done when its own writes and those of every earlier one are acknowledged. A block that is begun in
    one round and finished in a later one is owed by the round that began it.
    """

    def __init__(self) -> None:
        self._round = 0
        self._owed: dict[int, int] = {}  # round -> its open writes; the oldest round stands first
        self._read: deque[tuple[int, Positions]] = deque()
        self._nothing_owed = asyncio.Event()
        self._nothing_owed.set()

    def owe(self) -> int:
        """Note a write of this round; what comes back is for :meth:`settle`."""
        self._owed[self._round] = self._owed.get(self._round, 0) + 1
        self._nothing_owed.clear()
        return self._round

    def settle(self, owed: int) -> None:
        """Note that a write is acknowledged."""
        left = self._owed[owed] - 1
        if left:
            self._owed[owed] = left
            return
        del self._owed[owed]
        if not self._owed:
            self._nothing_owed.set()

    def close(self, positions: Positions) -> None:
        """End the round, which read up to ``positions``."""
        self._read.append((self._round, positions))
        self._round += 1

    def take(self) -> dict[TopicPartition, int]:
        """Return how far everything is written down, where that is news."""
        oldest = next(iter(self._owed), self._round)
        done: dict[TopicPartition, int] = {}
        while self._read and self._read[0][0] < oldest:
            done.update(self._read.popleft()[1])
        return done

    @property
    def is_settled(self) -> bool:
        """True when every write is acknowledged."""
        return not self._owed

    async def settled(self) -> None:
        """Return when every write is acknowledged."""
        await self._nothing_owed.wait()
