"""Puts the letters that went out beside those that were expected, and says every difference in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from difflib import SequenceMatcher, unified_diff

import msgspec

from streams.ops.rehearse.letters import Sent
from streams.ops.rehearse.story import Expected, Story
from streams.policies.moments import spell_moment


def line_up(story: Story, letters: Sequence[Sent]) -> tuple[tuple[Sent, ...], tuple[str, ...]]:
    """Return the letters, each beside the one it was expected to be, and all differences of the story.

    Letters must come in the order of the file, each once, and no others.
    """
    expected = story.letters
    sent = list(letters)
    failures: list[str] = []
    names = [one.template for one in expected], [one.template for one in sent]
    for verdict, low, high, first, last in SequenceMatcher(None, *names, autojunk=False).get_opcodes():
        if verdict == "equal":
            for wanted, index in zip(expected[low:high], range(first, last), strict=True):
                sent[index] = _compared(wanted, sent[index])
            continue
        failures += [f"never went out: {one.template} ({one.where})" for one in expected[low:high]]
        for index in range(first, last):
            said = "nobody expected this letter"
            sent[index] = msgspec.structs.replace(sent[index], failures=(said, *_unrendered(sent[index])))
    for one in sent:
        failures += [f"{one.template} at {spell_moment(one.at, story.zone)}: {said}" for said in one.failures]
    return tuple(sent), tuple(failures)


def _compared(wanted: Expected, sent: Sent) -> Sent:
    failures = (*_unrendered(sent), *_differences(wanted, sent))
    return msgspec.structs.replace(sent, expected=wanted, failures=failures)


def _unrendered(sent: Sent) -> tuple[str, ...]:
    return (sent.problem,) if sent.problem else ()


def _differences(wanted: Expected, sent: Sent) -> Iterator[str]:
    if wanted.at is not None and not _on_time(wanted.at, sent.at):
        yield f"expected {'at' if isinstance(wanted.at, datetime) else 'on'} {_spelled(wanted.at, sent)}"
    if wanted.locale is not None and wanted.locale != sent.message.locale:
        yield f"written in {sent.message.locale}, expected in {wanted.locale}"
    if wanted.attached is not None and wanted.attached != bool(sent.attachment):
        yield "no label is attached" if wanted.attached else f"a label is attached: {sent.attachment}"
    kinds = sent.message.letter.kinds if sent.message.letter is not None else ()
    for kind in wanted.tells:
        if kind not in kinds:
            yield f"does not tell {kind}"
    yield from _words(wanted, sent)


def _words(wanted: Expected, sent: Sent) -> Iterator[str]:
    if sent.mail is None:
        return
    if wanted.subject is not None and _flat(wanted.subject) not in _flat(sent.subject):
        yield f"the subject is `{sent.subject}`, without `{wanted.subject}`"
    read = _flat(f"{sent.subject}\n{sent.mail.preheader}\n{sent.mail.text}")
    for part in wanted.says:
        if _flat(part) not in read:
            yield f"does not say `{_flat(part)}`"
    for part in wanted.never_says:
        if _flat(part).lower() in read.lower():
            yield f"says `{_flat(part)}`, and should not"
    if wanted.text is not None and _lines(wanted.text) != _lines(sent.mail.text):
        yield "reads otherwise:\n" + "\n".join(
            unified_diff(_lines(wanted.text), _lines(sent.mail.text), "expected", "today", lineterm="", n=1)
        )


def _on_time(wanted: date | datetime, at: datetime) -> bool:
    if isinstance(wanted, datetime):
        return wanted == at.replace(second=0, microsecond=0)
    return wanted == at.date()


def _spelled(wanted: date | datetime, sent: Sent) -> str:
    if isinstance(wanted, datetime):
        return f"{wanted.astimezone(sent.at.tzinfo):%a %Y-%m-%d %H:%M}"
    return f"{wanted:%a %Y-%m-%d}"


def _flat(text: str) -> str:
    """Return text in one line: words may be wrapped, and dates hold spaces that do not break."""
    return " ".join(text.split())


def _lines(text: str) -> list[str]:
    return [_flat(line) for line in text.strip().splitlines()]
