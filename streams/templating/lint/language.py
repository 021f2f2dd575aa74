"""Language packs: what each rule about tone looks for, in one TOML file per locale.

A pack is data, so that somebody who speaks the language can write it. A locale without a pack is not
checked, and the report says so: rules of another language would find faults that are none.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).with_name("languages")


class Forbidden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that should not stand there: a pattern (case does not count), what is said of it, what to write.

    A sentence that matches ``unless`` is let through: "you do **not** have to print it".
    """

    pattern: str
    says: str = ""
    better: str = ""
    unless: str = ""


class RuleWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one rule looks for: ``forbidden`` wherever it stands, ``required`` as patterns of which one must be there.

    ``channels`` are ways to act, one pattern each, of which a mail offers one.
    """

    forbidden: tuple[Forbidden, ...] = ()
    required: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hard a text is: ``base + sentence * (words per sentence) + syllable * (syllables per word)``.

    ``hyphenation`` names pyphen's dictionary; ``hardest`` is the limit, in the formula's own unit, and
    ``easier_is_more`` says in which direction. ``source`` is where formula and limit were published.
    """

    formula: str
    source: str
    hyphenation: str
    base: float
    sentence: float
    syllable: float
    hardest: float
    easier_is_more: bool
    longest_word: int


class Pack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ``languages/<locale>.toml``."""

    language: str
    reading: Reading
    rules: dict[str, RuleWords]

    def of(self, rule: str) -> RuleWords:
        """Return what a rule looks for in this language; nothing when the pack says nothing of it."""
        return self.rules.get(rule) or RuleWords()


@cache  # re forgets after 512, and every pack together has more
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of a pack, for which case does not count."""
    return re.compile(pattern, re.IGNORECASE)


@cache
def packs() -> dict[str, Pack]:
    """Return every pack by its locale (``en``, ``pt_BR``).

    Raises:
        ValueError: a pack cannot be read, or a pattern is none; the file is part of the program.
    """
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.toml"))}


def pack_for(locale: str) -> Pack | None:
    """Return the pack of a locale: its own, or its language's (``en_GB`` and ``en@b`` are read as ``en``)."""
    spoken = locale.split("@", maxsplit=1)[0]
    return packs().get(spoken) or packs().get(spoken.split("_", maxsplit=1)[0])


def _read(path: Path) -> Pack:
    try:
        pack = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Pack)
        for words in pack.rules.values():
            for one in words.forbidden:
                re.compile(one.pattern)
                re.compile(one.unless)
            for pattern in (*words.required, *words.channels):
                re.compile(pattern)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, re.error) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return pack
