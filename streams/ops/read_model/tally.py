"""What a portion adds to the counters of hours, and to how many there are of everything now."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from sqlalchemy import Connection

from streams.ops.read_model import tables
from streams.ops.read_model.putting import Put


class Tally:
    """``gauges`` say how many there are more, or less, than before."""

    def __init__(self) -> None:
        self.gauges: Counter[str] = Counter()
        self._counts: Counter[tuple[str, int]] = Counter()

    def count(self, name: str, at: datetime) -> None:
        """Count something that happened in the hour of ``at``."""
        self._counts[name, int(at.timestamp()) // 3600] += 1

    def write(self, connection: Connection, put: Put) -> None:
        """Add everything to what stands there."""
        gauges = [{"name": name, "count": count} for name, count in sorted(self.gauges.items()) if count]
        put(connection, tables.GAUGES, gauges, adding=True)
        counts = [
            {"name": name, "hour": _hour(hour), "count": count}
            for (name, hour), count in sorted(self._counts.items())
        ]
        put(connection, tables.COUNTERS, counts, adding=True)


def _hour(number: int) -> str:
    """Return an hour since 1970 as the counters name it: ``2026-11-20T10``."""
    return datetime.fromtimestamp(number * 3600, UTC).isoformat()[:13]
