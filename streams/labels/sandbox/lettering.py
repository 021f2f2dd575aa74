"""Puts any text into the letters that a label can print, by a rule that can be seen on the label."""

from __future__ import annotations

import unicodedata
from functools import cache

import msgspec
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from streams.problems import UsageProblem

ELLIPSIS = "..."

# Latin letters that Unicode does not take apart into a letter and an accent.
_PLAIN_LETTERS = {"Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t", "Ŋ": "N", "ŋ": "n", "ẞ": "SS", "Ɖ": "D"}

# Unicode's classes for text that runs from right to left; a label is set from left to right only.
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


class Typeface(msgspec.Struct, frozen=True):
    """Two TrueType files, by path, or by name where reportlab carries them itself."""

    regular: str
    bold: str


# Bitstream Vera comes with reportlab and may be embedded freely: Western European letters.
VERA = Typeface("Vera.ttf", "VeraBd.ttf")


class Lettering:
    """One typeface at work: which letters it has, how wide they run."""

    def __init__(self, typeface: Typeface = VERA) -> None:
        self.regular, glyphs = _register(typeface.regular)
        self.bold, bold_glyphs = _register(typeface.bold)
        self._glyphs = glyphs & bold_glyphs

    def spell(self, text: str) -> str | None:
        """Return ``text`` in letters that can be printed, or None when they would not be the same name.

        A letter stays as it is where the typeface has it, and else loses its accent (``Wiśniewska``
        becomes ``Wisniewska``). Another script is not guessed at: a name half printed is worse than none.
        """
        spelled: list[str] = []
        for char in unicodedata.normalize("NFC", _one_line(text)):
            letters = char if self._has(char) else _without_accent(char)
            if not letters or not all(self._has(letter) for letter in letters):
                return None
            spelled.append(letters)
        return "".join(spelled)

    def spell_identity(self, text: str) -> str:
        r"""Return an identifier exactly, or with ``\u30ab`` for what has no letter: it must stay distinct."""
        exact = text.isprintable() and "\\" not in text and self.spell(text) == text
        return text if exact else text.encode("unicode_escape").decode("ascii").replace(" ", r"\x20")

    def width(self, text: str, font: str, size: float) -> float:
        """Return how wide ``text`` runs, in points."""
        return float(pdfmetrics.stringWidth(text, font, size))

    def fit(self, text: str, font: str, *, width: float, size: float, floor: float) -> tuple[str, float]:
        """Return the text and the largest size (points, between ``floor`` and ``size``) that fit ``width``.

        What does not even fit at ``floor`` is cut, and three dots say so.
        """
        natural = self.width(text, font, size)
        if natural <= width:
            return text, size
        if natural * floor / size <= width:
            return text, size * width / natural
        return self._cut(text, font, width, floor), floor

    def _cut(self, text: str, font: str, width: float, size: float) -> str:
        # A name may have 4,000 letters: halve, instead of measuring every length.
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.width(text[:middle].rstrip() + ELLIPSIS, font, size) <= width:
                fits = middle
            else:
                too_long = middle
        return text[:fits].rstrip() + ELLIPSIS

    def _has(self, char: str) -> bool:
        return ord(char) in self._glyphs and unicodedata.bidirectional(char) not in _RIGHT_TO_LEFT


@cache
def _register(filename: str) -> tuple[str, frozenset[int]]:
    name = f"label-{filename}"
    try:
        font = TTFont(name, filename)
    except (TTFError, OSError) as error:
        raise UsageProblem(
            "label-typeface-unreadable",
            f"The typeface {filename} cannot be read.",
            why=str(error),
            hint="Name a TrueType file (.ttf), or leave the typeface out.",
        ) from error
    pdfmetrics.registerFont(font)
    return name, frozenset(font.face.charToGlyph) - {0xFFFF}


def _one_line(text: str) -> str:
    # Control and format characters (categories C*) have no shape; line ends and tabs become one blank.
    shaped = "".join(c for c in text if c.isspace() or not unicodedata.category(c).startswith("C"))
    return " ".join(shaped.split())


def _without_accent(char: str) -> str:
    if char in _PLAIN_LETTERS:
        return _PLAIN_LETTERS[char]
    return "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
