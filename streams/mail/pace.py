"""How many mails a second a relay gets: evenly spaced, and fewer when it asks us to slow down."""

from __future__ import annotations

import asyncio

_SLOWEST = 64  # never below a 64th of the agreed rate: six halvings
_RECOVERY = 1.02  # per accepted mail; 35 mails double the rate again


class Pace:
    """A token bucket one token deep: relays count by the second, and a burst would be counted too.

    Real seconds, not recorded ones: a relay does not care about our history. ``rate`` None is no limit.
    """

    def __init__(self, rate: float | None) -> None:
        self._agreed = rate
        self.rate = rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until the next mail may go."""
        if self.rate is None:
            return
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + 1 / self.rate
        if mine > now:
            await asyncio.sleep(mine - now)

    def slow_down(self) -> None:
        """Halve the rate: the relay said 421."""
        if self.rate is not None and self._agreed is not None:
            self.rate = max(self.rate / 2, self._agreed / _SLOWEST)

    def went_well(self) -> None:
        """Come back to the agreed rate, step by step."""
        if self.rate is not None and self._agreed is not None and self.rate < self._agreed:
            self.rate = min(self._agreed, self.rate * _RECOVERY)
