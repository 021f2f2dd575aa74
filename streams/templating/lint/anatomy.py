"""A rendered mail taken apart: its elements with their attributes, styles and words, and its stylesheets.

What only Outlook's old engine reads (``<!--[if mso]>``) is left out: it is written by the MJML engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_UNREAD: Final = frozenset({"style", "script", "title", "head"})


@dataclass(slots=True, eq=False)
class Element:
    """One element; ``content`` holds its texts and elements in order, ``style`` its own declarations."""

    tag: str
    attributes: Mapping[str, str]
    parent: Element | None
    style: Mapping[str, str]
    content: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Return its classes."""
        return self.attributes.get("class", "").split()

    @property
    def own_text(self) -> str:
        """Return the words that stand directly in it."""
        return " ".join("".join(part for part in self.content if isinstance(part, str)).split())

    @property
    def words(self) -> str:
        """Return all that is read in it, on one line."""
        return " ".join("".join(self.texts()).split())

    def texts(self) -> Iterator[str]:
        """Yield the texts in it and below it, with a blank where a box ends."""
        for part in self.content:
            if isinstance(part, str):
                yield part
            elif part.tag not in _UNREAD:
                yield from part.texts()
                yield " " if part.tag in {"p", "td", "li", "br", "div"} else ""

    @property
    def above(self) -> Iterator[Element]:
        """Yield the elements around it, nearest first."""
        element = self.parent
        while element is not None:
            yield element
            element = element.parent

    def inside(self, *names: str) -> bool:
        """Say whether it stands inside an element of one of these tags or classes."""
        return any(one.tag in names or not set(names).isdisjoint(one.classes) for one in self.above)

    @property
    def below(self) -> Iterator[Element]:
        """Yield every element inside it, in order."""
        for part in self.content:
            if isinstance(part, Element):
                yield part
                yield from part.below

    @property
    def hidden(self) -> bool:
        """Say whether nobody sees it, such as the preview line at the top."""
        own = self.style.get("display") == "none" or self.tag in _UNREAD
        return own or (self.parent is not None and self.parent.hidden)


@dataclass(frozen=True, slots=True)
class Anatomy:
    """All elements of a mail in document order, and the texts of its stylesheets."""

    elements: tuple[Element, ...]
    sheets: tuple[str, ...]

    def of(self, *tags: str) -> list[Element]:
        """Return the elements with one of these tags, in order."""
        return [element for element in self.elements if element.tag in tags]

    def first(self, tag: str) -> Element | None:
        """Return the first element of a tag, or None."""
        return next(iter(self.of(tag)), None)


@lru_cache(maxsize=128)  # a dozen rules look at the same pages, one rule after the other
def anatomy_of(html: str) -> Anatomy:
    """Return a mail's HTML taken apart; whatever is not closed ends with what is around it."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    sheets = tuple("".join(map(str, one.content)) for one in reader.elements if one.tag == "style")
    return Anatomy(tuple(reader.elements), sheets)


@lru_cache(maxsize=4096)
def declarations(style: str) -> Mapping[str, str]:
    """Return ``{"color": "#fff"}`` for ``color: #fff``; the last one wins, and ``!important`` stays."""
    found = {}
    for one in style.split(";"):
        name, colon, value = one.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = self._add(tag, attrs)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].content.append(data)

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Element:
        attributes = {name: value or "" for name, value in attrs}
        parent = self._open[-1] if self._open else None
        element = Element(tag, attributes, parent, declarations(attributes.get("style", "")))
        self.elements.append(element)
        if parent is not None:
            parent.content.append(element)
        return element
