"""Measures a speed beside its floor: both in the same run, in turns, because machines are noisy.

A *lap* is one timed piece of work and returns how many things it did in a second. The floor of a speed is
the same work with everything of ours left out: what no code of ours could beat. Laps of both alternate,
and the ratio is the median of the ratios of neighbors, which a slow minute of the machine leaves alone.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Lap = Callable[[], float]
ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: ``rate`` and ``floor`` in ``unit`` per second; ``aim`` in the same, or of ``ratio``."""

    name: str
    unit: str
    rate: float
    floor_name: str
    floor: float
    ratio: float
    aim: float | None = None
    aim_ratio: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return asdict(self)


def lap(work: Callable[[], object], count: int) -> Lap:
    """Return a lap that does ``work`` once, which is ``count`` things."""

    def run() -> float:
        start = time.perf_counter()
        work()
        return count / (time.perf_counter() - start)

    return run


def beside(
    name: str,
    unit: str,
    ours: Lap,
    floor: Lap,
    *,
    floor_name: str,
    rounds: int = ROUNDS,
    warm: bool = True,
    aim: float | None = None,
    aim_ratio: float | None = None,
) -> Row:
    """Return the row of one speed beside its floor; ``warm`` runs each once before anything counts."""
    if warm:
        floor(), ours()
    pairs = [(_alone(floor), _alone(ours)) for _ in range(rounds)]
    return Row(
        name=name,
        unit=unit,
        rate=statistics.median(own for _, own in pairs),
        floor_name=floor_name,
        floor=statistics.median(low for low, _ in pairs),
        ratio=statistics.median(own / low for low, own in pairs),
        aim=aim,
        aim_ratio=aim_ratio,
    )


def _alone(run: Lap) -> float:
    """Return a lap's rate; what the benchmark holds in memory is out of the collector's sight meanwhile."""
    gc.collect()
    gc.freeze()
    try:
        return run()
    finally:
        gc.unfreeze()
