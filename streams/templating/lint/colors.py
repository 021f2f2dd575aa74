"""Colors as they meet on the screen: which words stand on what, light and dark, and how well they are told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from streams.templating.lint.anatomy import Anatomy, Element, anatomy_of
from streams.templating.lint.stylesheet import StyleRule, reaches, rules_of, weight

Color = tuple[int, int, int]
_NAMED: Final = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "gray": (128, 128, 128)}
_HEX: Final = re.compile(r"#([0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
_RGB: Final = re.compile(r"rgb\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)\s*\)", re.IGNORECASE)
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)px")
_DARK: Final = re.compile(r"prefers-color-scheme\s*:\s*dark")
_PAINTS: Final = frozenset({"color", "background", "background-color", "font-size", "font-weight"})
_LARGE, _LARGE_BOLD = 24.0, 18.66  # CSS pixels: 18 and 14 points, WCAG 2.2's "large scale"
_BOLD = 600


@dataclass(frozen=True, slots=True)
class Painted:
    """Words in one color on another, ``size`` CSS pixels high; ``large`` text may be told apart less well."""

    words: str
    ink: Color
    paper: Color
    large: bool
    size: float

    @property
    def needed(self) -> float:
        """Return the contrast that WCAG 2.2, 1.4.3 asks for."""
        return 3.0 if self.large else 4.5


def contrast(one: Color, other: Color) -> float:
    """Return the contrast ratio of two colors, 1 to 21, as WCAG 2.2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in color
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shines(color: Color) -> bool:
    """Say whether a color is bright, as a page in daylight is."""
    return _luminance(color) > 0.5


def hex_of(color: Color) -> str:
    """Return ``#1c5f48``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


@lru_cache(maxsize=512)
def color_of(value: str) -> Color | None:
    """Return the color in a CSS value (``#fff url(a.png)``); None when it has none that we know."""
    if found := _HEX.search(value):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if found := _RGB.search(value):
        return int(found[1]), int(found[2]), int(found[3])
    return next((_NAMED[word] for word in value.lower().split() if word in _NAMED), None)


@dataclass(frozen=True, slots=True)
class _Coat:
    """What an element hands on to those inside it."""

    ink: Color | None = (0, 0, 0)
    paper: Color | None = (255, 255, 255)
    size: float = 16
    bold: bool = False


@lru_cache(maxsize=128)  # three rules look at the same pages
def painted(html: str, *, dark: bool) -> tuple[Painted, ...]:
    """Return all words that are seen, with their colors where both are known; ``dark`` as Apple Mail shows it."""
    return tuple(_painted(anatomy_of(html), dark=dark))


def _painted(anatomy: Anatomy, *, dark: bool) -> Iterator[Painted]:
    rules = _painting(anatomy.sheets, dark=dark)
    coats: dict[int, _Coat] = {}
    for element in anatomy.elements:
        around = coats[id(element.parent)] if element.parent is not None else _Coat()
        coat = coats[id(element)] = _coat(element, around, rules)
        if element.own_text and not element.hidden and coat.ink is not None and coat.paper is not None:
            large = coat.size >= (_LARGE_BOLD if coat.bold else _LARGE)
            yield Painted(element.own_text, coat.ink, coat.paper, large, coat.size)


@lru_cache(maxsize=32)
def _painting(sheets: tuple[str, ...], *, dark: bool) -> tuple[StyleRule, ...]:
    """Return the rules about color that hold, weakest first."""
    rules = [
        rule for sheet in sheets for rule in rules_of(sheet) if _PAINTS & {name for name, _ in rule.style}
    ]
    seen = [rule for rule in rules if not rule.at or (dark and _DARK.search(rule.at))]
    return tuple(sorted(seen, key=lambda rule: weight(rule.selector)))


def _coat(element: Element, around: _Coat, rules: tuple[StyleRule, ...]) -> _Coat:
    style = _style(element, rules)
    size = _SIZE.match(style.get("font-size", ""))
    heavy = style.get("font-weight", "700" if element.tag in {"strong", "b", "h1", "h2", "h3"} else "")
    paper = style.get("background-color") or style.get("background") or element.attributes.get("bgcolor", "")
    return _Coat(
        ink=_mixed(style.get("color") or element.attributes.get("color", ""), around.ink),
        paper=_mixed(paper, around.paper),
        size=float(size[1]) if size else around.size,
        bold=(heavy == "bold" or (heavy.isdigit() and int(heavy) >= _BOLD)) if heavy else around.bold,
    )


def _mixed(value: str, around: Color | None) -> Color | None:
    plain = value.lower().replace("!important", "").strip()
    return around if plain in {"", "inherit", "transparent", "none"} else color_of(plain)


def _style(element: Element, rules: tuple[StyleRule, ...]) -> dict[str, str]:
    """Return the declarations that win: important ones of the sheets, then the element's own, then the rest."""
    usual: dict[str, str] = {}
    forced: dict[str, str] = {}
    for rule in rules:
        if reaches(rule.selector, element):
            for name, value in rule.style:
                (forced if "!important" in value else usual)[name] = value
    return {**usual, **element.style, **forced}
