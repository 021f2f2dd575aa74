"""The words of the answers page in the customer's language; a language that nobody wrote is answered in English."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from streams.links import Answer
from streams.templating.edition import choose_locale

_FILE: Final = Path(__file__).with_name("words.toml")


class AnswerWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one answer asks, means and brings."""

    question: str
    means: str
    button: str
    thanks: str
    thanks_says: str


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language."""

    order: str
    noted_already: str
    noted_already_says: str
    changed_mind: str
    forged: str
    forged_says: str
    expired: str
    expired_says: str
    unavailable: str
    unavailable_says: str
    try_again: str
    nowhere: str
    nowhere_says: str
    stop: AnswerWords
    refund: AnswerWords
    wait: AnswerWords

    def of(self, answer: Answer) -> AnswerWords:
        """Return the words of one answer."""
        return {"stop": self.stop, "refund": self.refund, "wait": self.wait}[answer]


@cache
def languages() -> dict[str, Words]:
    """Return every language there is."""
    return msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), dict[str, Words])


def language_of(asked: str) -> str:
    """Return the nearest language that there is: ``pt`` for ``pt-BR``, ``en`` for what nobody wrote."""
    return choose_locale(languages(), asked)
