"""Letters that really went out, for previews; who they went to is made unrecognizable before anybody sees them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.core.events import Letter, LetterLine, MessageQueued
from streams.ops.recent_letters import Recent
from streams.problems import InputProblem

MOST: Final = 50  # letters that are offered: the newest
_FEWEST_LETTERS: Final = 3  # of a name, before it is looked for in other texts
_NUMBERS: Final = re.compile(
    r"\d(?:[\s().-]?\d){5,}"
)  # telephone, card and account numbers, wherever they stand
_ADDRESS: Final = re.compile(r"[^\s<>@]+@[^\s<>@]+")
# Chosen by the case and never by the name: what stands there tells nothing of who it was.
_NAMES: Final = ("Alex Example", "Sam Sample", "Robin Pattern", "Kim Placeholder", "Jo Anybody")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A letter as a list shows it; its id says nothing of the order."""

    id: str
    message: str
    locale: str
    when: datetime
    kinds: tuple[str, ...]


Letters = Callable[[int], Sequence[Recent]]


def no_letters(_most: int) -> Sequence[Recent]:
    """Return nothing: there is no history beside this studio."""
    return ()


class Cases:
    """The newest letters, masked on their way in: nothing of this object remembers who somebody was."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters
        self._key = secrets.token_bytes(32)
        self._known: dict[str, tuple[Case, MessageQueued]] = {}

    async def recent(self) -> list[Case]:
        """Return the newest letters."""
        found = await asyncio.to_thread(self._letters, MOST)
        known: dict[str, tuple[Case, MessageQueued]] = {}
        for one in found:
            if one.message.letter is not None:
                name = self._name(one.message.message_id)
                known[name] = (_case(name, one), mask(one.message, name))
        self._known = known
        return [case for case, _ in known.values()]

    async def masked(self, name: str) -> MessageQueued:
        """Return a letter that the list has named.

        Raises:
            InputProblem: ``studio-case-unknown``.
        """
        if name not in self._known:
            await self.recent()
        if name not in self._known:
            raise InputProblem(
                "studio-case-unknown", "this letter is not among the newest any more", hint="choose another"
            )
        return self._known[name][1]

    def _name(self, message_id: str) -> str:
        return hmac.digest(self._key, message_id.encode("utf-8", "replace"), "sha256").hex()[:16]


def _case(name: str, one: Recent) -> Case:
    letter = one.message.letter
    return Case(
        id=name,
        message=one.message.template,
        locale=one.message.locale,
        when=one.when,
        kinds=tuple(letter.kinds) if letter is not None else (),
    )


def mask(message: MessageQueued, name: str) -> MessageQueued:
    """Return a message as anybody may see it: what was wrong stays, whom it happened to does not.

    Names, addresses and numbers go; so do their traces in titles, where people have mugs engraved. Country,
    time zone, dates, amounts and articles stay, for they make the words what they are.
    """
    letter = message.letter
    assert letter is not None
    return msgspec.structs.replace(
        message,
        order_id=_coded("ORDER", message.order_id, name),
        message_id=name,
        case_id=name,
        decision_id=name,
        to_hash="",
        thread=(),
        exception_ids=(),
        letter=_masked(letter, name, _traces(letter, message.order_id)),
    )


def _masked(letter: Letter, name: str, traces: Sequence[str]) -> Letter:
    def lines(some: Sequence[LetterLine]) -> tuple[LetterLine, ...]:
        return tuple(
            msgspec.structs.replace(one, title=_without(one.title, traces), sku=_without(one.sku, traces))
            for one in some
        )

    def coded(word: str, value: str | None) -> str | None:
        return None if value is None else _coded(word, value, name)

    chosen = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(_NAMES)
    return msgspec.structs.replace(
        letter,
        to="customer@example.com",
        customer_name=None if letter.customer_name is None else _NAMES[chosen],
        wrong_lines=lines(letter.wrong_lines),
        missing_lines=lines(letter.missing_lines),
        order_lines=lines(letter.order_lines),
        replacement_lines=lines(letter.replacement_lines),
        carrier=None if letter.carrier is None else _without(letter.carrier, traces),
        label_carrier=None if letter.label_carrier is None else _without(letter.label_carrier, traces),
        tracking_number=coded("TRACK", letter.tracking_number),
        label_tracking_number=coded("RETURN", letter.label_tracking_number),
        replacement_id=coded("REPLACEMENT", letter.replacement_id),
        return_id=coded("RMA", letter.return_id),
        label_id=coded("LABEL", letter.label_id),
    )


def _coded(word: str, value: str, name: str) -> str:
    return (
        f"{word}-{hashlib.sha256(f'{name}{word}{value}'.encode('utf-8', 'replace')).hexdigest()[:6].upper()}"
    )


def _traces(letter: Letter, order_id: str) -> list[str]:
    """Return the texts that would give a person away, the longest first."""
    names = [
        part for part in re.split(r"[\s,;]+", letter.customer_name or "") if len(part) >= _FEWEST_LETTERS
    ]
    local = letter.to.partition("@")[0]
    handles = [
        part for part in re.split(r"[._+@-]+", local) if len(part) > _FEWEST_LETTERS and part.isalpha()
    ]
    whole = [letter.customer_name, letter.to, local if len(local) >= _FEWEST_LETTERS else None, order_id]
    numbers = [letter.tracking_number, letter.label_tracking_number, letter.return_id, letter.replacement_id]
    found = {text for text in (*whole, *numbers, *names, *handles) if text}
    return sorted(found, key=len, reverse=True)


def _without(text: str, traces: Sequence[str]) -> str:
    for trace in traces:
        text = re.sub(re.escape(trace), "…", text, flags=re.IGNORECASE)
    return _NUMBERS.sub("…", _ADDRESS.sub("…", text))
