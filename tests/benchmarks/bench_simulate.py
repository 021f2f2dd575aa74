"""How fast the simulated shop writes, beside msgspec encoding the same events with nothing around it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from streams.simulate.shop import simulate
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap


def rows() -> Iterator[Row]:
    """A month of 10,000 orders."""
    lines = [simulated.line for simulated in simulate(month.PLAN)]
    events = [msgspec.json.decode(line) for line in lines]
    yield beside(
        "simulate a month",
        "events",
        lap(lambda: sum(1 for _ in simulate(month.PLAN)), len(lines)),
        lap(lambda: [msgspec.json.encode(event) for event in events], len(lines)),
        floor_name="encoding the same events",
        rounds=3,
        warm=False,
        aim=50_000,
    )
