"""Two wordings of one message, and which case gets which: the same one for ever, on every machine.

``en@b.md`` beside ``en.md`` is the variant *b*; ``[variants]`` in ``message.toml`` says what part of the
cases gets it. The words without a letter are *a* wherever another wording runs beside them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from streams.problems import TemplateProblem

FIRST: Final = "a"  # the words without a letter, where others run beside them
_HUNDRED: Final = 100


class _Card(Protocol):
    @property
    def variants(self) -> Mapping[str, int]: ...


def check_variants(card: _Card, words: Collection[str], place: str) -> None:
    """Hold ``[variants]`` against the files that are there.

    Raises:
        TemplateProblem: a variant has no words, is called ``a``, or they get more than all cases.
    """
    named = {locale.partition("@")[2] for locale in words}
    for name in card.variants:
        if name not in named or not name:
            raise _wrong(f"the variant {name} has no words", place, f"add en@{name}.md, or take {name} out")
    if FIRST in card.variants or FIRST in named:
        raise _wrong("no variant can be called a", place, "a is what the words without a letter are called")
    if sum(card.variants.values()) > _HUNDRED:
        raise _wrong("the variants get more than all cases", place, "let them add up to 100 or less")
    for locale in sorted(words):
        if locale.partition("@")[0] not in words:
            raise _wrong(
                f"{locale}.md stands beside no {locale.partition('@')[0]}.md",
                place,
                "a variant is another wording of words that are there",
            )


def variant_of(template: str, case_id: str, variants: Mapping[str, int]) -> str:
    """Return which variant a case gets; ``""`` when the message has none.

    By the name of the message too, so that two experiments do not share their halves.
    """
    if not variants:
        return ""
    drawn = int.from_bytes(hashlib.sha256(f"{template}\0{case_id}".encode()).digest()[:8], "big") % _HUNDRED
    for name in sorted(variants):
        drawn -= variants[name]
        if drawn < 0:
            return name
    return FIRST


def _wrong(what: str, place: str, hint: str) -> TemplateProblem:
    return TemplateProblem("template-variant", what, where=place, hint=hint)
