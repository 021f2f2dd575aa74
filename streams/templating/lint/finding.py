"""What a rule sees (a draft, a page) and what it says (a finding)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail
from streams.templating.brand import Brand
from streams.templating.catalogue import Card, Catalogue, Message, Words
from streams.templating.lint.language import Pack
from streams.templating.lint.passages import Passage

Severity = Literal["error", "warning"]


class Found(msgspec.Struct, frozen=True):
    """What a rule found: where, what it says about it, and words that would do (empty: there are none to offer).

    ``match`` are the words that it speaks of, with straight quotes and single blanks.
    """

    where: str
    says: str
    better: str = ""
    match: str = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to change: an ``error`` blocks the release of a message, a ``warning`` asks for a reason.

    ``where`` is a file, with a line where there is one (``templates/lost/en.md:12``), or a file and the
    sample that showed it. ``why`` is the rule's reason and ``source`` where it was taken from.
    """

    rule: str
    severity: Severity
    where: str
    says: str
    why: str
    source: str
    better: str = ""
    match: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One file of words as the writer sees it; ``passages`` are its sentences, every branch of them.

    ``pack`` is None where nobody wrote one for the language: rules about tone say nothing then.
    """

    locale: str
    pack: Pack | None
    card: Card
    words: Words
    passages: tuple[Passage, ...]

    def at(self, line: int) -> str:
        """Return the place of a line (``templates/lost/en.md:12``)."""
        return f"{self.words.place}:{line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One rendered sample in one locale; ``where`` names the words and the sample.

    ``pack`` is None where nobody wrote one for the language: rules about tone say nothing then.
    """

    card: Card
    locale: str
    pack: Pack | None
    brand: Brand
    where: str
    letter: Letter
    mail: RenderedMail


class Rule(Protocol):
    """A rule: its docstring is its page in the reference, ``why`` a sentence for the person who writes.

    ``needs_pack`` is true for a rule that reads a language: without a pack it is "not checked".
    """

    severity: Severity
    why: str
    source: str
    needs_pack: bool

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:
        """Yield what is wrong with the folder as a whole."""
        ...

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Yield what is wrong with one file of words, before anything is filled in."""
        ...

    def page(self, page: Page) -> Iterable[Found]:
        """Yield what is wrong with one rendered sample."""
        ...


class Quiet:
    """A rule that has nothing to say until a subclass does."""

    severity: Severity = "error"
    why: str = ""
    source: str = ""
    needs_pack: bool = False

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the folder."""
        return ()

    def draft(self, draft: Draft) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the words."""
        return ()

    def page(self, page: Page) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the page."""
        return ()
