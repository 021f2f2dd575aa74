"""The only reader of the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def wall_now() -> datetime:
    """Return the present, in UTC, to the microsecond."""
    return datetime.now(UTC)  # noqa: TID251 - this is the door


def stopwatch() -> float:
    """Return seconds from a clock that never goes back, for measuring."""
    return time.perf_counter()
