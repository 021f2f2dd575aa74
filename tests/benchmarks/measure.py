"""Measures a speed beside its floor: both in the same run, in turns, because machines are noisy.

A *lap* is one timed piece of work and returns how many things it did in a second. The floor of a speed is
the same work with everything of ours left out: what no code of ours could beat. Laps of both alternate,
and the ratio is the median of the ratios of neighbors, which a slow minute of the machine leaves alone.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
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
    aim: float | None = None,
    aim_ratio: float | None = None,
) -> Row:
    """Return the row of one speed beside its floor."""
    laps = in_turns({"floor": floor, "ours": ours}, rounds)
    return row(name, unit, laps["ours"], laps["floor"], floor_name=floor_name, aim=aim, aim_ratio=aim_ratio)


def row(
    name: str,
    unit: str,
    ours: list[float],
    floor: list[float],
    *,
    floor_name: str,
    aim: float | None = None,
    aim_ratio: float | None = None,
) -> Row:
    """Return the row of laps that were taken in turns: neighbors stand at the same place of both lists."""
    return Row(
        name=name,
        unit=unit,
        rate=statistics.median(ours),
        floor_name=floor_name,
        floor=statistics.median(floor),
        ratio=statistics.median(own / low for own, low in zip(ours, floor, strict=True)),
        aim=aim,
        aim_ratio=aim_ratio,
    )


def in_turns(laps: Mapping[str, Lap], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Return the rates of every lap, taken one after the other, round by round.

    The first round warms caches up and is not counted. What the benchmark itself holds in memory is kept
    out of the collector's sight, or collections would measure the benchmark.
    """
    rates: dict[str, list[float]] = {name: [] for name in laps}
    for number in range(rounds + 1):
        for name, run in laps.items():
            gc.collect()
            gc.freeze()
            rate = run()
            gc.unfreeze()
            if number:
                rates[name].append(rate)
    return rates
