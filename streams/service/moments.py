"""Which time the effects go by: the wall clock's, or that of the decisions when a history is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from streams.clock import wall_now
from streams.mail.ledger import Row

_BEGINNING = datetime.fromtimestamp(0, UTC)


class Moments:
    """The present of one worker. A history's time stands still while effects happen, and moves with its decisions."""

    def __init__(self, clock: Literal["wall", "history"]) -> None:
        self.is_history = clock == "history"
        self._latest: datetime | None = None

    def of(self, decided_at: datetime) -> datetime:
        """Return when a decision is made true."""
        if not self.is_history:
            return wall_now()
        self._latest = max(decided_at, self._latest or decided_at)
        return decided_at

    def now(self) -> datetime | None:
        """Return the present; None in a history that has not begun."""
        return self._latest if self.is_history else wall_now()

    def start(self, unfinished: Sequence[Row]) -> datetime:
        """Return when the worker starts: a history goes on where its unfinished mails stand."""
        if not self.is_history:
            return wall_now()
        return max((row.updated_at for row in unfinished), default=_BEGINNING)

    @staticmethod
    def wall() -> datetime:
        """Return the wall clock's time, later than any recorded one."""
        return wall_now()
