"""What a worker knows about itself: plain numbers that the monitor reads when somebody asks."""

from __future__ import annotations

from collections import Counter

from streams.clock import stopwatch

STUCK_AFTER = 60.0  # seconds with work and without progress: four times a broker's longest usual election


class Vitals:
    """Counts and gauges of one worker, each a name and a label value (empty where there is only one).

    ``beat`` is called whenever something moved on, ``rest`` when there is nothing to do. A worker that has
    work and does not beat for :data:`STUCK_AFTER` seconds is stuck, and its life ends there.
    """

    def __init__(self, role: str) -> None:
        self.role = role
        self.is_ready = False
        self.counts: Counter[tuple[str, str]] = Counter()
        self.gauges: dict[tuple[str, str], float] = {}
        self._beaten_at = stopwatch()
        self._is_resting = True

    def beat(self) -> None:
        """Something moved on, and more is to do."""
        self._beaten_at = stopwatch()
        self._is_resting = False

    def rest(self) -> None:
        """Nothing is to do."""
        self._beaten_at = stopwatch()
        self._is_resting = True

    def work(self) -> None:
        """Something is to do; it counts as progress only for one that rested."""
        if self._is_resting:
            self.beat()

    def stuck_for(self) -> float:
        """Return seconds for which there has been work and no progress."""
        return 0.0 if self._is_resting else stopwatch() - self._beaten_at

    @property
    def is_alive(self) -> bool:
        """False when the worker has stopped making progress."""
        return self.stuck_for() < STUCK_AFTER
