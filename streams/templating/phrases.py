"""The small words that every message shares, one file per locale: greeting, ranges, plurals, footer."""

from __future__ import annotations

import tomllib
from string import Formatter

import msgspec

from streams.core.events import Kind
from streams.problems import TemplateProblem

# Which {names} a phrase may hold; a phrase that is not listed holds none.
_PLACEHOLDERS = {
    "hello": {"first_name"},
    "long_day": {"weekday", "day"},
    "first_of_month": {"month"},
    "on_day": {"long", "weekday", "day"},
    "between": {"from_long", "by_long", "from_weekday", "by_weekday", "from_day", "by_day"},
    "pieces": {"count"},
    "more": {"count"},
}


class Phrases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``_phrases/<locale>.toml``.

    ``first_of_month`` is for languages that count the first day apart (``1er décembre``); empty elsewhere.
    ``pieces`` and ``more`` have one entry per CLDR plural category of the language; ``also`` says in
    one sentence what else is wrong with the order; ``frame`` is used by the frame and the parts.
    """

    hello: str
    hello_nobody: str
    long_day: str
    on_day: str
    between: str
    pieces: dict[str, str]
    more: dict[str, str]
    also: dict[Kind, str]
    frame: dict[str, str]
    first_of_month: str = ""


def read_phrases(source: bytes, place: str) -> Phrases:
    """Read the phrases of one locale.

    Raises:
        TemplateProblem: a phrase is missing or uses a name that it cannot have.
    """
    try:
        phrases = msgspec.convert(tomllib.loads(source.decode("utf-8")), Phrases)
        for name, allowed in _PLACEHOLDERS.items():
            value = getattr(phrases, name)
            for text in value.values() if isinstance(value, dict) else (value,):
                _check(name, text, allowed)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise TemplateProblem(
            "template-phrases",
            "the shared phrases cannot be used",
            where=place,
            why=str(error),
            hint="compare the file with _phrases/en.toml",
        ) from error
    return phrases


def _check(name: str, text: str, allowed: set[str]) -> None:
    for _, field, spec, conversion in Formatter().parse(text):
        if field is not None and (field not in allowed or spec or conversion):
            offered = ", ".join(sorted(allowed))
            raise ValueError(f"`{name}` cannot use {{{field}}}; it may use {offered}")
