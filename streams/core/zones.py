"""Calendar days of a customer: where they begin, where they end, and what to do with zones nobody knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """Return a zone. The standard library remembers eight of them and reads all others from the disk again."""
    return ZoneInfo(name)


@lru_cache(maxsize=1024)
def zone_or(name: str | None, fallback: str) -> str:
    """Return ``name`` when the IANA database knows it, else ``fallback``.

    Every failure of a customer's own words is answered with the fallback: a typo in a profile must not
    stop an apology.
    """
    if not name:
        return fallback
    try:
        zone_of(name)
    except (ValueError, OSError, LookupError):
        return fallback
    return name


@lru_cache(maxsize=65536)
def day_begins(day: date, zone: str) -> datetime:
    """Return the first instant of a calendar day in a zone, in UTC."""
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)


def day_ends(day: date, zone: str) -> datetime:
    """Return the first instant after a calendar day in a zone: a promise of that day is kept before it."""
    return day_begins(day + _ONE_DAY, zone)


def local(moment: datetime, zone: str) -> datetime:
    """Return a moment as the customer's clock shows it."""
    return moment.astimezone(zone_of(zone))


def local_day(moment: datetime, zone: str) -> date:
    """Return the customer's calendar day of a moment."""
    return moment.astimezone(zone_of(zone)).date()


@lru_cache(maxsize=65536)
def _offset_of_hour(hour: datetime, zone: str) -> timedelta:
    return hour.astimezone(zone_of(zone)).utcoffset() or timedelta(0)


def offset_at(moment: datetime, zone: str) -> timedelta:
    """Return the distance of a zone from UTC at a moment, to the hour of the change."""
    return _offset_of_hour(moment.replace(minute=0, second=0, microsecond=0), zone)
