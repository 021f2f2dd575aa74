"""Dates, money, counts and lists as a language writes them, through Babel and the shared phrases."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_skeleton
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from streams.core.events import DateRange
from streams.core.money import Money, decimals
from streams.templating.phrases import Phrases


@lru_cache(maxsize=256)
def parse_locale(tag: str) -> Locale | None:
    """Return Babel's locale for ``pt-BR`` or ``pt_BR``; None when it names no language that CLDR knows."""
    parts = [part for part in tag.replace("-", "_").split("_") if part.isalnum() and part.isascii()]
    while parts:
        try:
            return Locale.parse("_".join(parts))
        except (ValueError, UnknownLocaleError, TypeError):
            parts.pop()
    return None


def direction(locale: Locale) -> dict[str, str]:
    """Return how a language is laid out: ``name`` (``rtl``), the sides where a line begins and ends, and ``tracking``.

    Letters that are joined, as in Arabic, must not be spaced.
    """
    if locale.text_direction == "rtl":
        return {"name": "rtl", "start": "right", "end": "left", "tracking": "normal"}
    return {"name": "ltr", "start": "left", "end": "right", "tracking": "-0.01em"}


@lru_cache(maxsize=4096)
def _weekday(day: date, locale: Locale) -> str:
    return format_date(day, "EEEE", locale=locale)


def _day_and_month(day: date, locale: Locale, phrases: Phrases) -> str:
    """Return ``November 27``; the first of a month as the language says it, which CLDR does not know."""
    if day.day == 1 and phrases.first_of_month:
        return phrases.first_of_month.format(month=_month(day, locale))
    return _other_day(day, locale)


@lru_cache(maxsize=4096)
def _other_day(day: date, locale: Locale) -> str:
    return format_skeleton("MMMMd", day, locale=locale)


@lru_cache(maxsize=256)
def _month(day: date, locale: Locale) -> str:
    return format_date(day, "MMMM", locale=locale)


def long_day(day: date, locale: Locale, phrases: Phrases) -> str:
    """Return ``Friday, November 27``. No year: a letter is about days that are near, and the weekday proves it."""
    return phrases.long_day.format(weekday=_weekday(day, locale), day=_day_and_month(day, locale, phrases))


def prose_range(days: DateRange, locale: Locale, phrases: Phrases) -> str:
    """Return ``between Tuesday, November 24 and Friday, November 27``, or ``on ...`` for a single day."""
    by_long = long_day(days.by, locale, phrases)
    if days.from_ >= days.by:
        return phrases.on_day.format(
            long=by_long, weekday=_weekday(days.by, locale), day=_day_and_month(days.by, locale, phrases)
        )
    return phrases.between.format(
        from_long=long_day(days.from_, locale, phrases),
        by_long=by_long,
        from_weekday=_weekday(days.from_, locale),
        by_weekday=_weekday(days.by, locale),
        from_day=_day_and_month(days.from_, locale, phrases),
        by_day=_day_and_month(days.by, locale, phrases),
    )


@lru_cache(maxsize=4096)
def short_range(start: date, end: date, locale: Locale) -> str:
    """Return both days with an en dash between them: for a card, not for a sentence."""
    return format_interval(min(start, end), end, "MMMEd", locale=locale)


@lru_cache(maxsize=4096)
def short_day(day: date, locale: Locale) -> str:
    """Return ``Tue, Nov 24``."""
    return format_skeleton("MMMEd", day, locale=locale)


@lru_cache(maxsize=1024)
def _amount(minor: int, currency: str, locale: Locale) -> str:
    amount = Decimal(minor).scaleb(-decimals(currency))
    # decimal_quantization=False: never round money away where CLDR shows fewer digits than ISO has.
    return format_currency(amount, currency, locale=locale, decimal_quantization=False)


def money(amount: Money, locale: Locale) -> str:
    """Return ``$12.34`` or ``R$ 12,34``."""
    return _amount(amount.minor, amount.currency, locale)


def count(number: int, forms: dict[str, str], locale: Locale) -> str:
    """Return ``1 item`` or ``3 items``; the category comes from the language's own plural rule."""
    category, digits = _number(number, locale)
    return forms.get(category, forms["other"]).format(count=digits)


@lru_cache(maxsize=4096)
def _number(number: int, locale: Locale) -> tuple[str, str]:
    """Return the plural category and the digits of a number."""
    return str(locale.plural_form(number)), format_decimal(number, locale=locale)


def listed(parts: list[str], locale: Locale) -> str:
    """Return ``a, b, and c`` as the language lists things."""
    return format_list(parts, locale=locale) if len(parts) != 1 else parts[0]
