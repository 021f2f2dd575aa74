"""The only door to randomness: a seeded generator, so that one seed is one world for ever."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random  # noqa: TID251 - the simulator's world is made of seeded chance; this is the door
from typing import TypeVar

T = TypeVar("T")


class Dice(Random):
    """Seeded chance in the few shapes the shop needs; faster than the general methods it is built on.

    Only ``random()`` is used: Python promises its sequence for a seed across versions, and promises
    nothing for ``randrange`` or ``choice``.
    """

    def below(self, end: int) -> int:
        """Return an integer from 0 up to and without ``end``."""
        return int(self.random() * end)

    def between(self, low: int, high: int) -> int:
        """Return an integer from ``low`` to ``high``, both included."""
        return low + int(self.random() * (high - low + 1))

    def one(self, choices: Sequence[T]) -> T:
        """Return one of ``choices``, each as likely as it is often."""
        return choices[int(self.random() * len(choices))]

    def about(self, spread: float) -> float:
        """Return a number around 0 with this standard deviation, all but normal: twelve dice (Irwin-Hall)."""
        return spread * (sum(self.random() for _ in range(12)) - 6.0)

    def happens(self, share: float) -> bool:
        """Return True in ``share`` (0 to 1) of all calls."""
        return self.random() < share
