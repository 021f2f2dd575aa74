"""Stylesheets as a mail program reads them: which rules there are, and which elements they reach.

Only what mails can rely on is understood: tags, classes, ids, children and descendants. A selector with
anything else reaches nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from streams.templating.lint.anatomy import Element, declarations

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_STEP: Final = re.compile(r"\s*(?P<child>>?)\s*(?P<compound>[^\s>]+)")
_SIMPLE: Final = re.compile(r"(?P<mark>[.#]?)(?P<name>[\w-]+)")
_KNOWN: Final = re.compile(r"(?:\*|[\w-]+)?(?:[.#][\w-]+)*")


@dataclass(frozen=True, slots=True)
class StyleRule:
    """One selector with its declarations; ``at`` is what it stands in (``@media ...``), or empty."""

    selector: str
    style: tuple[tuple[str, str], ...]
    at: str = ""


@lru_cache(maxsize=256)
def rules_of(sheet: str, at: str = "") -> tuple[StyleRule, ...]:
    """Return the rules of a stylesheet in order, one for each selector."""
    return tuple(_rules(_COMMENT.sub("", sheet), at))


def _rules(sheet: str, at: str) -> Iterator[StyleRule]:
    start = 0
    while (brace := sheet.find("{", start)) >= 0:
        head = sheet[start:brace].rsplit(";", maxsplit=1)[-1].strip()
        end = _closing(sheet, brace)
        body = sheet[brace + 1 : end]
        if head.startswith("@"):
            yield StyleRule("", (), head)
            yield from _rules(body, head)
        else:
            style = tuple(declarations(body).items())
            yield from (StyleRule(one.strip(), style, at) for one in head.split(","))
        start = end + 1


def _closing(sheet: str, brace: int) -> int:
    depth = 0
    for at in range(brace, len(sheet)):
        depth += (sheet[at] == "{") - (sheet[at] == "}")
        if depth == 0:
            return at
    return len(sheet)


def reaches(selector: str, element: Element) -> bool:
    """Say whether a selector reaches an element."""
    steps = _steps(selector)
    return bool(steps) and _is(steps[-1][1], element) and _has_above(steps[:-1], steps[-1][0], element)


def weight(selector: str) -> tuple[int, int, int]:
    """Return a selector's specificity: ids, classes, tags."""
    names = [match for _, compound in _steps(selector) for match in _SIMPLE.finditer(compound)]
    marks = [match["mark"] for match in names]
    return marks.count("#"), marks.count("."), marks.count("")


@lru_cache(maxsize=1024)
def _steps(selector: str) -> tuple[tuple[bool, str], ...]:
    """Return (is a child of the one before, compound) for each step; nothing for what is not understood."""
    if selector == ":root":
        return ((False, "html"),)
    steps = tuple((match["child"] == ">", match["compound"]) for match in _STEP.finditer(selector))
    return steps if all(_KNOWN.fullmatch(compound) for _, compound in steps) else ()


def _has_above(steps: tuple[tuple[bool, str], ...], child: bool, element: Element) -> bool:  # noqa: FBT001 - one step of a walk
    if not steps:
        return True
    around = [element.parent] if child else element.above
    return any(
        one is not None and _is(steps[-1][1], one) and _has_above(steps[:-1], steps[-1][0], one)
        for one in around
    )


def _is(compound: str, element: Element) -> bool:
    if compound == "*":
        return True
    for match in _SIMPLE.finditer(compound):
        mark, name = match["mark"], match["name"]
        if mark == "." and name not in element.classes:
            return False
        if mark == "#" and element.attributes.get("id") != name:
            return False
        if not mark and element.tag != name:
            return False
    return True
