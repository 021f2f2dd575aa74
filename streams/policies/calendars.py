"""The business days of every country, from the ``holidays`` library: public holidays and its weekend."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from streams.core.workdays import Calendars

_WEEKEND = frozenset({5, 6})  # Saturday and Sunday, for a country that nobody has described


@lru_cache(maxsize=1)
def calendars() -> Calendars:
    """Return the calendars of the world, the same object every time: counting is cached in it.

    What is a holiday depends on the installed version of ``holidays``, which the lock file fixes.
    """
    return Calendars(closed)


def closed(country: str, day: date) -> bool:
    """True on the country's weekend and public holidays; an unknown country has weekends only.

    The empty country is nowhere, and never closed on more than a weekend.
    """
    weekend, off = _year(country.upper(), day.year)
    return day.weekday() in weekend or day in off


@lru_cache(maxsize=4096)
def _year(country: str, year: int) -> tuple[frozenset[int], frozenset[date]]:
    import holidays  # 0.15 s and 250 countries: loaded when the first day is counted, not by `--help`

    try:
        of_country = holidays.country_holidays(country, years=year)
    except NotImplementedError:
        return _WEEKEND, frozenset()
    return frozenset(of_country.weekend), frozenset(of_country)
