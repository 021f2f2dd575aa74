"""What a rule sees (a page) and what it says (a finding)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail
from streams.templating.catalogue import Catalogue, Message, Words

Severity = Literal["error", "warning"]
Found = tuple[str, str]  # where, and what it says


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to change: an ``error`` blocks the release of a message, a ``warning`` asks for a reason."""

    rule: str
    severity: Severity
    where: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One rendered sample in one language; ``where`` names the words and the sample."""

    message: Message
    language: str
    where: str
    words: Words
    letter: Letter
    mail: RenderedMail


class Rule(Protocol):
    """A rule: its docstring is its page in the reference."""

    severity: Severity

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:
        """Yield what is wrong with the folder as a whole."""
        ...

    def page(self, page: Page) -> Iterable[Found]:
        """Yield what is wrong with one rendered sample."""
        ...


class Quiet:
    """A rule that has nothing to say until a subclass does."""

    severity: Severity = "error"

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the folder."""
        return ()

    def page(self, page: Page) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Say nothing about the page."""
        return ()


class ForbiddenWords(Quiet):
    """A rule made of patterns per language, looked for in the author's own words.

    Product titles and names come from data and are nobody's tone, so the rule reads the source of the
    words: subject, preheader and body.
    """

    patterns: dict[str, tuple[str, ...]] = {}
    because: str = ""

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Yield every place where the words match a pattern of their language."""
        for locale, words in message.words.items():
            for pattern in self.patterns.get(locale.split("_")[0], ()):
                for line, match in _matches(words, pattern):
                    yield f"{words.place}:{line}", f'"{match}": {self.because}'


def _matches(words: Words, pattern: str) -> Iterable[tuple[int, str]]:
    for key in ("subject", "preheader"):
        for match in re.finditer(pattern, getattr(words, key), re.IGNORECASE):
            yield words.lines[key], match[0]
    for match in re.finditer(pattern, words.body, re.IGNORECASE):
        yield words.body.count("\n", 0, match.start()) + 1, " ".join(match[0].split())
