"""How fast the simulated shop writes, beside msgspec encoding the same events with nothing around it.

Run with ``pytest -s tests/benchmarks/bench_simulate.py``; prints ratios, fails nothing by a time.
"""

from __future__ import annotations

import time

import msgspec
import pytest

from streams.simulate.plan import Plan
from streams.simulate.shop import simulate

pytestmark = pytest.mark.benchmark


def test_events_a_second():
    """A month of 10,000 orders; the goal is 50,000 events a second."""
    plan = Plan(orders=10_000, days=30)
    start = time.perf_counter()
    lines = [simulated.line for simulated in simulate(plan)]
    written = len(lines) / (time.perf_counter() - start)
    events = [msgspec.json.decode(line) for line in lines]
    start = time.perf_counter()
    for event in events:
        msgspec.json.encode(event)
    floor = len(events) / (time.perf_counter() - start)

    print(f"\nsimulate {written:,.0f} events/s, {written / floor:.1%} of bare encoding ({floor:,.0f}/s)")
    assert len(lines) > 100_000
