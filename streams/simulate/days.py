"""Days and moments as plain integers: fast enough for a load generator, exact enough for a promise.

A *day* is a number of days since 1970-01-01, a *moment* a number of seconds since its midnight in UTC.
Day 0 was a Thursday.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import holidays

DAY = 86_400
HOUR = 3_600
MINUTE = 60
_EPOCH = date(1970, 1, 1).toordinal()
_ENGLAND = "ENG"  # the United Kingdom has no holidays in common; our customers there live in England


def day_of(calendar_day: date) -> int:
    """Return the day number of a date."""
    return calendar_day.toordinal() - _EPOCH


@cache
def date_of(day: int) -> date:
    """Return the date of a day number."""
    return date.fromordinal(day + _EPOCH)


@cache
def iso(day: int) -> str:
    """Return a day as ``2026-11-24``."""
    return date_of(day).isoformat()


def utc(moment: int) -> datetime:
    """Return a moment as an aware ``datetime``."""
    return datetime.fromtimestamp(moment, UTC)


def weekdays_between(first: int, last: int) -> int:
    """Return how many of the days after ``first`` up to ``last`` are Monday to Friday, holidays included."""
    return _weekdays_until(last) - _weekdays_until(first)


def _weekdays_until(day: int) -> int:
    weeks, rest = divmod(day + 3, 7)  # day -3 was a Monday
    return weeks * 5 + min(rest + 1, 5)


class Zone:
    """Wall-clock time somewhere; the offset of a day is that of its noon, and is looked up once."""

    __slots__ = ("_offsets", "_zone", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._zone = ZoneInfo(name)
        self._offsets: dict[int, int] = {}

    def at(self, day: int, second: int) -> int:
        """Return the moment when clocks here show ``second`` seconds past midnight of ``day``."""
        offset = self._offsets.get(day)
        if offset is None:
            offset = self._offsets[day] = self._offset_at_noon(day)
        return day * DAY + second - offset

    def day(self, moment: int) -> int:
        """Return the calendar day that it is here."""
        return datetime.fromtimestamp(moment, self._zone).toordinal() - _EPOCH

    def midnight(self, day: int) -> int:
        """Return the moment when ``day`` begins here, exact even on the night the clocks change."""
        begins = date_of(day)
        return int(datetime(begins.year, begins.month, begins.day, tzinfo=self._zone).timestamp())

    def _offset_at_noon(self, day: int) -> int:
        noon = date_of(day)
        local = datetime(noon.year, noon.month, noon.day, 12, tzinfo=self._zone)
        return day * DAY + 12 * HOUR - int(local.timestamp())


@cache
def zone(name: str) -> Zone:
    """Return the zone of an IANA name."""
    return Zone(name)


class Workdays:
    """Business days on which every one of the countries works: no weekend, no public holiday."""

    __slots__ = ("_calendars", "_next")

    def __init__(self, *countries: str) -> None:
        self._calendars = tuple(_calendar(country) for country in dict.fromkeys(countries))
        self._next: dict[int, int] = {}

    def open(self, day: int) -> bool:
        """Return True on a business day."""
        return (day + 3) % 7 < 5 and not any(date_of(day) in closed for closed in self._calendars)

    def next(self, day: int) -> int:
        """Return the first business day after ``day``."""
        known = self._next.get(day)
        if known is None:
            known = day + 1
            while not self.open(known):
                known += 1
            self._next[day] = known
        return known

    def first(self, day: int) -> int:
        """Return ``day`` or the first business day after it."""
        return self.next(day - 1)

    def add(self, day: int, count: int) -> int:
        """Return the ``count``-th business day after ``day`` (``day`` itself when it is 0)."""
        for _ in range(count):
            day = self.next(day)
        return day


@cache
def _calendar(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=_ENGLAND if country == "GB" else None)


@cache
def workdays(*countries: str) -> Workdays:
    """Return the business days that these countries (ISO 3166 alpha-2) have in common."""
    return Workdays(*countries)
