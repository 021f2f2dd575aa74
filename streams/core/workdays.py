"""Business days of a lane: a day counts only when both ends of the way are open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache

Lane = tuple[str, str]
_DAYS = tuple(timedelta(days=n) for n in range(400))
_FARTHEST = 366  # nobody counts business days beyond a year; a calendar closed that long is broken


@lru_cache(maxsize=1024)
def days(count: int) -> timedelta:
    """Return so many calendar days: looked up, which costs a fifth of making them."""
    return timedelta(days=count)


class Calendars:
    """Counts business days; ``closed(country, day)`` knows weekends and public holidays.

    The countries are ISO 3166 alpha-2. An empty country is open on every weekday.
    """

    __slots__ = ("_closed", "_shifts")

    def __init__(self, closed: Callable[[str, date], bool]) -> None:
        self._closed = closed
        self._shifts: dict[tuple[Lane, date, int], int] = {}

    def is_workday(self, day: date, lane: Lane) -> bool:
        """True when neither end of the lane is closed that day."""
        return not (self._closed(lane[0], day) or self._closed(lane[1], day))

    def shift(self, day: date, workdays: int, lane: Lane) -> int:
        """Return how many calendar days after ``day`` the ``workdays``-th business day comes."""
        key = (lane, day, workdays)
        known = self._shifts.get(key)
        if known is None:
            known = self._shifts[key] = self._count(day, workdays, lane)
        return known

    def day_after(self, day: date, workdays: int, lane: Lane) -> date:
        """Return the ``workdays``-th business day after ``day``."""
        return day + _DAYS[self.shift(day, workdays, lane)]

    def later(self, start: datetime, workdays: int, lane: Lane, offset: timedelta) -> datetime:
        """Return the same time of day, so many business days after ``start``.

        ``offset`` is the customer's distance from UTC: it decides which local day ``start`` falls on.
        Silence that begins on a Saturday begins to count on Monday, so weekends make no alarms.
        """
        day = (start + offset).date()
        ahead = self._shifts.get((lane, day, workdays))
        return start + _DAYS[self.shift(day, workdays, lane) if ahead is None else ahead]

    def _count(self, day: date, workdays: int, lane: Lane) -> int:
        ahead = 0
        left = workdays
        while left > 0 and ahead < _FARTHEST:
            ahead += 1
            if self.is_workday(day + _DAYS[ahead], lane):
                left -= 1
        return ahead


def weekends_only(_country: str, day: date) -> bool:
    """Closed on Saturday and Sunday: the calendar of tests and of countries nobody has described."""
    return day.weekday() >= 5
