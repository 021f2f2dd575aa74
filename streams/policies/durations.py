"""Lengths of time as people write them: ``90s``, ``30m``, ``10h``, ``2d``, ``1w``, or several together."""

from __future__ import annotations

import re
from datetime import timedelta

from streams.policies.refusal import Refusal

_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_PART = re.compile(r"\s*(\d+)\s*([wdhms])")
_LONGEST = timedelta(days=366)  # a wait of more than a year in a policy is a slip of the finger


def parse_duration(text: str) -> timedelta:
    """Read ``1h 30m``.

    Raises:
        Refusal: it is negative, has no unit or an unknown one, or is longer than a year.
    """
    word = text.strip()
    if word.startswith("-"):
        raise Refusal("policy-negative", f"{word} is negative, and time is not", "such as 30m or 2d")
    if re.fullmatch(r"\d+(\.\d+)?", word):
        raise Refusal(
            "policy-missing-unit", f"{word} has no unit", f'write "{word}m" for minutes, or s, h, d, w'
        )
    if not re.fullmatch(rf"(?:{_PART.pattern})+", word):
        raise Refusal(
            "policy-wrong-type",
            f"{word or 'nothing'} is no length of time",
            "a number and s, m, h, d or w: 30m, 2d",
        )
    total = timedelta(0)
    for part in _PART.finditer(word):
        if len(part[1]) > 8:  # more digits than seconds of three years
            raise Refusal("policy-impossible", f"{word} is longer than a year")
        total += int(part[1]) * _UNITS[part[2]]
    if total > _LONGEST:
        raise Refusal("policy-impossible", f"{word} is longer than a year")
    return total


def format_duration(length: timedelta) -> str:
    """Return the shortest form that :func:`parse_duration` reads back to the same length."""
    left, parts = length, []
    for unit, size in _UNITS.items():
        if unit == "w" and length % size:
            continue
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
