"""What a rule sees (a page) and what it says (a finding)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail
from streams.templating.brand import Brand
from streams.templating.catalogue import Catalogue, Message, Words
from streams.templating.lint.language import Pack, pack_for

Severity = Literal["error", "warning"]


class Found(msgspec.Struct, frozen=True):
    """What a rule found: where, what it says about it, and words that would do (empty: there are none to offer)."""

    where: str
    says: str
    better: str = ""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One rendered sample in one locale; ``where`` names the words and the sample.

    ``pack`` is None where nobody wrote one for the language: rules about tone say nothing then.
    """

    message: Message
    locale: str
    pack: Pack | None
    brand: Brand
    where: str
    words: Words
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

    def page(self, page: Page) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the page."""
        return ()


class ForbiddenWords(Quiet):
    """A rule made of the patterns that each language pack lists under its name.

    Product titles and names come from data and are nobody's tone, so the rule reads the source of the
    words: subject, preheader and body.
    """

    name: str
    needs_pack = True

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Yield every place where the words match a pattern of their language."""
        for locale, words in message.words.items():
            pack = pack_for(locale)
            for forbidden in pack.of(self.name).forbidden if pack else ():
                for line, match in _matches(words, forbidden.pattern):
                    says = f'"{match}": {forbidden.says}' if forbidden.says else f'"{match}"'
                    yield Found(f"{words.place}:{line}", says, forbidden.better)


def _matches(words: Words, pattern: str) -> Iterable[tuple[int, str]]:
    for key in ("subject", "preheader"):
        for match in re.finditer(pattern, getattr(words, key), re.IGNORECASE):
            yield words.lines[key], match[0]
    for match in re.finditer(pattern, words.body, re.IGNORECASE):
        yield words.body.count("\n", 0, match.start()) + 1, " ".join(match[0].split())
