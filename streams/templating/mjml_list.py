"""Which MJML there is: components, where each may stand, and what its attributes take.

mrml accepts anything and leaves out what it does not know, so a typo would be a hole in every mail. The
list is MJML's own (``lint/lists/mjml.json``), less what mrml does not do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from streams.problems import TemplateProblem
from streams.templating.tags import split
from streams.templating.words import nearest

LIST: Final = Path(__file__).parent / "lint" / "lists" / "mjml.json"
FRAME: Final = "frame.mjml"
# Measured on mrml 0.2.4: these components are refused or dropped, and these attributes change nothing.
_NOT_IN_MRML: Final = frozenset({"mj-html-attributes", "mj-html-attribute", "mj-selector", "mj-include"})
_WITHOUT_EFFECT: Final[Mapping[str, frozenset[str]]] = {
    "mj-body": frozenset({"id"}),
    "mj-button": frozenset({"title"}),
    "mj-image": frozenset({"sizes"}),
    "mj-raw": frozenset({"position"}),
    "mj-section": frozenset({"gutter", "text-padding"}),
    "mj-social": frozenset({"border", "table-layout"}),
    "mj-social-element": frozenset({"border", "icon-position"}),
    "mj-spacer": frozenset({"border", "border-bottom", "border-left", "border-right", "border-top"}),
    "mj-table": frozenset({"font-weight", "role"}),
    "mj-text": frozenset({"background-color"}),
    "mj-wrapper": frozenset({"gap", "gutter", "text-padding"}),
}
_EVERYWHERE: Final = frozenset({"css-class", "mj-class"})
_OF_MJML: Final = frozenset({"lang", "dir", "owa"})
_DEFAULTS: Final = "mj-attributes"
# Stand for tags of the template; a value with one in it is not known before the mail is.
_EXPRESSION: Final = "\ufffc"
_CONTROL: Final = "\ufffd"
_NUMBER: Final = r"\d+(?:\.\d+)?"
_COLOR: Final = re.compile(
    r"#(?:[0-9a-f]{3}|[0-9a-f]{4}|[0-9a-f]{6}|[0-9a-f]{8})|(?:rgb|hsl)a?\([^()]+\)|[a-z]+", re.IGNORECASE
)
_KIND: Final = re.compile(r"(?P<name>\w+)(?:\((?P<of>[^)]*)\))?(?:\{1,(?P<most>\d)\})?")


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its attributes with their kinds, its children, and whether it holds HTML instead."""

    attributes: Mapping[str, str]
    children: frozenset[str]
    holds_html: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in an MJML file that would be left out of the mail, with its line."""

    line: int
    says: str
    hint: str


@cache
def components() -> Mapping[str, Component]:
    """Return every component that can be used, by its name."""
    listed: dict[str, dict[str, Any]] = json.loads(LIST.read_text("utf-8"))["components"]
    return {
        name: Component(
            attributes={
                attribute: kind
                for attribute, kind in one["attributes"].items()
                if attribute not in _WITHOUT_EFFECT.get(name, ())
            },
            children=frozenset(one["children"]) - _NOT_IN_MRML,
            holds_html=one["text"],
        )
        for name, one in listed.items()
        if name not in _NOT_IN_MRML
    }


def check_mjml(source: str, place: str) -> None:
    """Check a file of the frame or a part against the list.

    Raises:
        TemplateProblem: the first component, attribute or value that is not on it, with its line.
    """
    for fault in faults_in(source, place):
        raise TemplateProblem(
            "template-mjml",
            fault.says,
            where=f"{place}:{fault.line}",
            why="the engine leaves out what it does not know, without a word",
            hint=fault.hint,
        )


@lru_cache(maxsize=256)  # a catalogue has a dozen such files, and each message is compiled with all of them
def faults_in(source: str, place: str) -> tuple[Fault, ...]:
    """Return what is not on the list, in order of lines.

    Raises:
        TemplateProblem: a tag of the template is not closed, or none at all.
    """
    reader = _Reader(whole=place.rsplit("/", maxsplit=1)[-1] == FRAME)
    reader.feed(_masked(source, place))
    reader.close()
    return tuple(sorted(reader.finish(), key=lambda fault: fault.line))


def _masked(source: str, place: str) -> str:
    """Return the source with a character for every tag of the template, on the same lines."""
    out: list[str] = []
    line = 1
    for piece in split(source, place):
        missing = "\n" * (piece.line - line)
        shown = piece.source if piece.kind == "text" else _CONTROL if piece.kind == "control" else _EXPRESSION
        out += [missing, shown]
        line = piece.line + shown.count("\n")
    return "".join(out)


class _Reader(HTMLParser):
    """Walks one file; ``whole`` is true for the frame, all others are woven into the body of one."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self._whole = whole
        self._open: list[tuple[str, int]] = []
        self._faults: list[Fault] = []

    def finish(self) -> list[Fault]:
        for name, line in self._open:
            self._faults.append(Fault(line, f"<{name}> is never closed", f"close it with </{name}>"))
        return self._faults

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._meet(tag, attrs, closed=False)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._meet(tag, attrs, closed=True)

    def handle_endtag(self, tag: str) -> None:
        if not _is_mjml(tag):
            return
        if not self._open or self._open[-1][0] != tag:
            wanted = f"</{self._open[-1][0]}>" if self._open else "nothing"
            self._say(f"</{tag}> closes what is not open", f"{wanted} can be closed here")
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        words = data.replace(_EXPRESSION, "").replace(_CONTROL, "").strip()
        if words and not self._in_html:
            before = max(0, data.find(words.split()[0]))
            says = f'"{words.split()[0]}" stands where no words can'
            self._say(says, "put words into mj-text", further=data.count("\n", 0, before))

    @property
    def _in_html(self) -> bool:
        known = components().get(self._open[-1][0]) if self._open else None
        return known is not None and known.holds_html

    def _meet(self, tag: str, attrs: list[tuple[str, str | None]], *, closed: bool) -> None:
        if self._in_html:
            if _is_mjml(tag):
                self._say(f"<{tag}> cannot stand inside {self._open[-1][0]}", "close the text before it")
            return
        if not _is_mjml(tag):
            self._say(f"<{tag}> is not a component of MJML", "put HTML into mj-text or mj-raw")
            return
        parent = self._open[-1][0] if self._open else ("" if self._whole else "mj-body")
        known = self._known(tag, parent)
        if known is not None:
            self._attributes(tag, known, attrs)
        if not closed:
            self._open.append((tag, self.getpos()[0]))

    def _known(self, tag: str, parent: str) -> Component | None:
        if parent == _DEFAULTS:
            return self._default(tag)
        known = components().get(tag)
        if known is None:
            self._say(f"there is no component called {tag}", nearest(tag, components()))
            return None
        allowed = components()[parent].children if parent in components() else {"mjml"}
        if tag not in allowed:
            where = f"inside {parent}" if parent else "at the top"
            self._say(f"<{tag}> cannot stand {where}", f"possible here: {', '.join(sorted(allowed))}")
        return known

    def _default(self, tag: str) -> Component | None:
        """Return what may be set for all components of a kind; mj-all and mj-class stand for any."""
        if tag in {"mj-all", "mj-class"}:
            every = {name: kind for one in components().values() for name, kind in one.attributes.items()}
            return Component({**every, "name": "string"}, frozenset(components()), holds_html=False)
        known = components().get(tag)
        if known is None:
            self._say(
                f"there is no component called {tag}", nearest(tag, [*components(), "mj-all", "mj-class"])
            )
        return known

    def _attributes(self, tag: str, known: Component, attrs: list[tuple[str, str | None]]) -> None:
        free = _EVERYWHERE | (_OF_MJML if tag == "mjml" else frozenset())
        for name, value in attrs:
            kind = known.attributes.get(name)
            if name in free or _has_tag(name):
                continue
            if name in _WITHOUT_EFFECT.get(tag, ()):
                self._say(f"{name} on {tag} has no effect here", f"leave it out; mrml does not know {name}")
            elif kind is None:
                offered = sorted({*known.attributes, *free})
                self._say(f"{tag} has no attribute called {name}", nearest(name, offered))
            elif not _has_tag(value or "") and not _fits(value or "", kind):
                self._say(f'"{value}" is not a value for {name} of {tag}', f"it takes {_in_words(kind)}")

    def _say(self, says: str, hint: str, *, further: int = 0) -> None:
        self._faults.append(Fault(self.getpos()[0] + further, says, hint))


def _is_mjml(tag: str) -> bool:
    return tag == "mjml" or tag.startswith("mj-")


def _has_tag(text: str) -> bool:
    return _EXPRESSION in text or _CONTROL in text


def _fits(value: str, kind: str) -> bool:
    found = _KIND.fullmatch(kind)
    if found is None or found["name"] == "string":
        return True
    if found["name"] == "enum":
        return value in found["of"].split(",")
    if found["name"].startswith("unit"):
        return _is_measure(value, found)
    return {
        "color": _COLOR.fullmatch(value) is not None,
        "boolean": value in {"true", "false"},
        "integer": value.isdigit(),
    }[found["name"]]


def _is_measure(value: str, kind: re.Match[str]) -> bool:
    units = kind["of"].split(",")
    sign = "-?" if kind["name"] == "unitWithNegative" else ""
    measure = rf"{sign}{_NUMBER}(?:{'|'.join(re.escape(unit) for unit in units if unit != 'auto')})|0"
    parts = value.split()
    fits = all((part == "auto" and "auto" in units) or re.fullmatch(measure, part) for part in parts)
    return 0 < len(parts) <= int(kind["most"] or 1) and fits


def _in_words(kind: str) -> str:
    return ", ".join(_choices(kind)) or kind


def _choices(kind: str) -> Iterator[str]:
    found = _KIND.fullmatch(kind)
    if found is None:
        return
    options = [option for option in (found["of"] or "").split(",") if option]
    if found["name"] == "enum":
        yield from options
    elif found["name"].startswith("unit"):
        most = f", up to {found['most']} of them" if found["most"] else ""
        yield f"a number with {' or '.join(options)}{most}"
    else:
        yield {"color": "a color such as #1c5f48", "boolean": "true or false", "integer": "a whole number"}[
            found["name"]
        ]
