"""How fast a replay goes and how long it still takes, from what its partitions report."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.ops.history import Extent
from streams.ops.replay.crew import Moved


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a replay stands; ``left`` is in seconds, None while nobody can tell."""

    done: int
    total: int
    events: int
    events_per_second: int
    left: float | None


class Pacer:
    """Adds up what partitions report. Work that another day did (a bookmark's) is done, and says nothing of speed."""

    def __init__(self, extents: Sequence[Extent]) -> None:
        self._extents = {one.partition: one for one in extents}
        self._moved: dict[int, Moved] = {}
        self.total = sum(one.end - one.first for one in extents)

    def take(self, moved: Moved) -> None:
        """Take what a partition reports."""
        self._moved[moved.partition] = moved

    def pace(self, seconds: float) -> Pace:
        """Return where the replay stands ``seconds`` after it began."""
        moved = self._moved.values()
        done = sum(one.position - self._extents[one.partition].first for one in moved)
        now = sum(one.position - one.started for one in moved)
        events = sum(one.events for one in moved)
        return Pace(
            done=min(done, self.total),
            total=self.total,
            events=events,
            events_per_second=round(events / seconds) if seconds > 0 else 0,
            left=max(0.0, (self.total - done) * seconds / now) if now > 0 else None,
        )
