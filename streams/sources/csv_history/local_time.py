"""Local times to UTC, a hundred thousand of them: the offset is looked up once per hour, not per time.

Where clocks go back, the hour that comes twice is read as its first pass; where they go forward, the
hour that does not exist is read with the offset before the change (both as Python's ``fold=0`` does).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from streams.codec.envelope import EARLIEST, LATEST

_HOUR = timedelta(hours=1)


class LocalTime:
    """Reads times and days as one zone and one format write them."""

    def __init__(self, zone: ZoneInfo, time_format: str | None = None, day_format: str | None = None) -> None:
        self._zone = zone
        self._time_format = time_format
        self._day_format = day_format
        self._offsets: dict[datetime, timedelta | None] = {}
        self._hours: dict[str, str] = {}

    def moment(self, text: str) -> datetime:
        """Return the moment that ``text`` means, in UTC.

        Raises:
            ValueError: it is no time, or lies outside the years 1990 to 2100.
        """
        hour = self._hours.get(text[:13])
        if hour is not None and len(text) == 19:
            return datetime.fromisoformat(f"{hour}{text[13:]}+00:00")
        if self._time_format is None:
            local = datetime.fromisoformat(text)
        else:
            local = datetime.strptime(text, self._time_format)  # noqa: DTZ007 - the zone follows below
        if not EARLIEST <= local.year <= LATEST:
            raise ValueError(f"{text!r} lies outside the years {EARLIEST} to {LATEST}")
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        offset = self._offset(local)
        utc = (local - offset).replace(tzinfo=UTC)
        self._remember(text, offset, local, utc)
        return utc

    def day(self, text: str) -> str:
        """Return the calendar day in ``text`` as ``YYYY-MM-DD``; a midnight behind it means the day.

        Raises:
            ValueError: it is no day, or lies outside the years 1990 to 2100.
        """
        if self._day_format is None:
            found = date.fromisoformat(text[:10])
        else:
            found = datetime.strptime(text, self._day_format).date()  # noqa: DTZ007 - a day has no zone
        if not EARLIEST <= found.year <= LATEST:
            raise ValueError(f"{text!r} lies outside the years {EARLIEST} to {LATEST}")
        return found.isoformat()

    def _remember(self, text: str, offset: timedelta, local: datetime, utc: datetime) -> None:
        """Keep the hour in UTC of ``2018-01-14 13:..``, where all its minutes share one whole-hour offset."""
        plain = self._time_format is None and len(text) == 19 and text[4] == text[7] == "-"
        if plain and offset % _HOUR == timedelta(0) and self._offsets[_hour(local)] is not None:
            self._hours[text[:13]] = f"{utc:%Y-%m-%dT%H}"

    def _offset(self, local: datetime) -> timedelta:
        hour = _hour(local)
        if hour in self._offsets:
            known = self._offsets[hour]
        else:
            first, last = self._exactly(hour), self._exactly(hour + _HOUR - timedelta.resolution)
            known = self._offsets[hour] = first if first == last else None
        return self._exactly(local) if known is None else known

    def _exactly(self, local: datetime) -> timedelta:
        return local.replace(tzinfo=self._zone).utcoffset() or timedelta(0)


def _hour(local: datetime) -> datetime:
    return local.replace(minute=0, second=0, microsecond=0)
