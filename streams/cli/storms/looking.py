"""Opens the place that knows the storms, and says what they are in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from streams.across.allowances import Allowances
from streams.across.brake import Storm
from streams.clock import wall_now
from streams.settings import Settings
from streams.wiring import allowances_of


@contextmanager
def opened(settings: Settings) -> Iterator[Allowances]:
    """Open the storms of a data folder, or of the deployment's database."""
    allowances, engine = allowances_of(settings)
    try:
        yield allowances
    finally:
        engine.dispose()


def plain(storm: Storm, *, people: int) -> dict[str, Any]:
    """Return a storm as JSON."""
    return {
        "storm": storm.storm_id,
        "of": storm.dimension,
        "named": storm.value,
        "since": storm.since.astimezone(UTC).isoformat(),
        "state": storm.state,
        "waiting": storm.waiting,
        "people": people,
        "said": [{"by": one.by, "release": one.release} for one in storm.said],
        "sample": [order_id for order_id, _ in storm.sample],
    }


def decide(allowances: Allowances, storm_id: str, *, by: str, release: bool) -> Storm:
    """Write down a person's word, at this moment."""
    return allowances.decide(storm_id, by=by, release=release, now=wall_now())
