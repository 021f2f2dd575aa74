"""Reads single values of a policy, by the type of the field they are for; every refusal is a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import time, timedelta
from functools import lru_cache
from importlib.resources import files
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import available_timezones

import msgspec

from streams.policies.durations import parse_duration
from streams.policies.refusal import Refusal, nearest

Reader = Callable[[Any], Any]
NOTHING_WORD = "none"  # how a file says "no message": TOML has no empty value


def reader_for(annotation: Any) -> Reader | None:
    """Return the reader of a field's type, or None for a type that is a table."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return reader_for(args[0])
    if origin in {Union, UnionType}:
        return reader_for(next(arg for arg in args if arg is not NoneType))
    if origin is Literal:
        return lambda value: one_of(value, args, "word")
    if origin is tuple:
        inside = reader_for(args[0])
        return None if inside is None else lambda value: tuple(inside(one) for one in a_list(value))
    return _PLAIN.get(annotation)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refusal("policy-wrong-type", f"text in quotes is needed, not {spell(value)}")
    return value


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refusal("policy-wrong-type", f"true or false is needed, not {spell(value)}")
    return value


def whole_number(value: Any) -> int:
    """Read a number that counts something: whole and not negative."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refusal("policy-wrong-type", f"a whole number is needed, not {spell(value)}")
    if value < 0:
        raise Refusal("policy-negative", f"{value} is negative")
    if value > 10**12:  # the bound of streams.core.money.Minor
        raise Refusal("policy-impossible", f"{value} is beyond a million million")
    return value


def percent(value: Any) -> int:
    """Read a share of something."""
    number = whole_number(value)
    if number > 100:
        raise Refusal("policy-impossible", f"{number} percent is more than everything")
    return number


def workdays(value: Any) -> int:
    """Read a number of days or business days; a calendar counts no further than a year."""
    number = whole_number(value)
    if number > 250:  # business days of a year, and more days than any rule here waits
        raise Refusal("policy-impossible", f"{number} days are more than a year of business days")
    return number


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal("policy-wrong-type", f"a number is needed, not {spell(value)}")
    if not 0 <= value <= 10**12:
        raise Refusal("policy-negative", f"{value} is negative or without bound")
    return float(value)


def _duration(value: Any) -> timedelta:
    bare = isinstance(value, int) and not isinstance(value, bool)
    return parse_duration(str(value) if bare else _text(value))


def _time_of_day(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d", value):
        try:
            return time.fromisoformat(value)
        except ValueError as error:
            raise Refusal("policy-wrong-type", f"{value} is not a time of day") from error
    raise Refusal("policy-wrong-type", f'a time of day such as "21:00" is needed, not {spell(value)}')


_PLAIN: dict[Any, Reader] = {
    str: _text,
    bool: _switch,
    int: whole_number,
    float: _fraction,
    timedelta: _duration,
    time: _time_of_day,
}


def a_list(value: Any) -> list[Any]:
    """Read a list in square brackets."""
    if not isinstance(value, list | tuple):
        raise Refusal("policy-wrong-type", f"a list in [ ] is needed, not {spell(value)}")
    return list(value)


def one_of(value: Any, valid: Iterable[str], word: str) -> str:
    """Read one of the valid words."""
    known = tuple(valid)
    text = _text(value)
    if text not in known:
        raise Refusal("policy-unknown-word", f"there is no {word} `{text}`", nearest(text, known))
    return text


def several_of(value: Any, valid: Iterable[str], word: str) -> tuple[str, ...]:
    """Read a list of valid words, none of them twice."""
    known = tuple(valid)
    words: list[str] = []
    for item, one in enumerate(a_list(value)):
        try:
            text = one_of(one, known, word)
        except Refusal as refusal:
            raise Refusal(refusal.code, refusal.why, refusal.hint, item) from refusal
        if text in words:
            raise Refusal("policy-duplicate", f"`{text}` stands there twice", "leave one of them out", item)
        words.append(text)
    return tuple(words)


def time_zone(value: Any) -> str:
    """Read an IANA time zone."""
    return one_of(value, available_timezones(), "time zone")


def country(value: Any) -> str:
    """Read an ISO 3166 alpha-2 country code."""
    text = _text(value)
    if len(text) != 2:
        raise Refusal(
            "policy-unknown-word", f"there is no country `{text}`", "two letters, such as `US` or `BR`"
        )
    return one_of(text, countries(), "country")


def currency(value: Any) -> str:
    """Read the ISO 4217 code of money that is in use."""
    return one_of(value, currencies(), "currency")


def locale(value: Any) -> str:
    """Read a BCP 47 language tag, such as ``en`` or ``pt-BR``."""
    text = _text(value)
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?", text):
        raise Refusal("policy-wrong-type", f"`{text}` is not a language tag", "such as `en` or `pt-BR`")
    return text


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Return the ISO 3166 codes, from the table that the time zone database brings along."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    return frozenset(row[:2] for row in table.splitlines() if row and not row.startswith("#"))


@lru_cache(maxsize=1)
def currencies() -> frozenset[str]:
    """Return the currencies that are legal tender somewhere today, from the CLDR."""
    from babel.core import get_global  # heavy: only when a policy is read

    return frozenset(
        code
        for uses in get_global("territory_currencies").values()
        for code, _since, until, tender in uses
        if until is None and tender
    )


def spell(value: Any) -> str:
    """Return a value as a person would name it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return str(msgspec.to_builtins(value))
