"""Rehearsals as one page for those who train customer service: every story with its letters as they would look.

The page is whole in itself: it forbids itself to ask for anything, and the letters stand in frames in which nothing
runs. Its one small script only makes the frames as high as the letters; without it they scroll.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from itertools import groupby

from babel.dates import format_date

from streams.ops.rehearse.letters import Sent
from streams.ops.rehearse.stage import Moment, Rehearsal, day_of
from streams.ops.rehearse.story import Story

_LOCALE = "en_US"
_SHORT = 9  # lines of what happens that a low screen shows at once: they stay while the letter is read
_COUNTS = ("No letter", "One letter", "Two letters", "Three letters")


def page(done: Sequence[Rehearsal], policy: str, shop: str, sender: str) -> str:
    """Return the page; ``sender`` is who writes, as the customer sees it in the list of mails."""
    body = (
        f"{_head(done, policy, shop)}<main>"
        f"{''.join(_story(number, one, sender) for number, one in enumerate(done, 1))}</main>{_foot(policy)}"
    )
    script = _asset("page.js")
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{allowed}'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">'
        f"<title>Rehearsal: letters from {escape(shop)}</title><style>{_asset('page.css')}</style></head>"
        f"<body>{body}<script>{script}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return files("streams.ops.rehearse").joinpath(name).read_text("utf-8")


# ---------------------------------------------------------------------------- above and below


def _head(done: Sequence[Rehearsal], policy: str, shop: str) -> str:
    letters = sum(len(one.letters) for one in done)
    told = f"{_number(len(done), 'story', 'stories')}, {_number(letters, 'letter', 'letters')}"
    return (
        f'<header class="top"><p class="over">Rehearsal</p><h1>What customers of {escape(shop)} would read</h1>'
        f'<p class="lead">{told}. Each story is told to the policy <code>{escape(policy)}</code> and to today\'s words.'
        f" Nothing here was sent, and nobody in it is real.</p>{_verdict(done)}{_contents(done)}</header>"
    )


def _verdict(done: Sequence[Rehearsal]) -> str:
    failed = sum(not one.passed for one in done)
    if not failed:
        return '<p class="verdict well">Every letter reads as its story says.</p>'
    said = f"{_number(failed, 'story does', 'stories do')} not go as written."
    return f'<p class="verdict ill">{said} They are marked below.</p>'


def _contents(done: Sequence[Rehearsal]) -> str:
    items = "".join(
        f'<li><a href="#{_anchor(number)}">{escape(one.story.title)}</a>'
        f'<span class="count">{_count(one)}{"" if one.passed else _MARK}</span></li>'
        for number, one in enumerate(done, 1)
    )
    return f'<nav aria-label="Stories"><ol>{items}</ol></nav>'


_MARK = ' <strong class="mark">differs</strong>'


def _count(one: Rehearsal) -> str:
    return _COUNTS[len(one.letters)] if len(one.letters) < len(_COUNTS) else f"{len(one.letters)} letters"


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _anchor(number: int) -> str:
    return f"story-{number}"


def _foot(policy: str) -> str:
    return (
        "<footer><p>Written by <code>firstword rehearse --html</code> with the policy "
        f"<code>{escape(policy)}</code>. In a story every label is issued and every replacement accepted at once;"
        " times are the customer's own.</p></footer>"
    )


# ---------------------------------------------------------------------------- one story


def _story(number: int, one: Rehearsal, sender: str) -> str:
    story = one.story
    lesson = "".join(f"<p>{escape(text)}</p>" for text in _paragraphs(story.lesson))
    short = " short" if len(one.moments) <= _SHORT else ""
    return (
        f'<article class="story" id="{_anchor(number)}" aria-labelledby="{_anchor(number)}-title">'
        f'<header><p class="over">Story {number}</p><h2 id="{_anchor(number)}-title">{escape(story.title)}</h2>'
        f'<div class="lesson">{lesson}</div>{_failures(one)}</header>'
        f'<div class="sides"><section class="course{short}"><h3>What happens</h3>{_course(number, one)}</section>'
        f'<section class="letters"><h3>{_said(one)}</h3>{_letters(number, one, sender)}</section></div></article>'
    )


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]


def _said(one: Rehearsal) -> str:
    return f"What {escape(one.story.customer.name)} reads"


def _failures(one: Rehearsal) -> str:
    if one.passed:
        return ""
    items = "".join(f"<li>{_failure(said)}</li>" for said in one.failures)
    return f'<div class="failures"><h3>Not as written</h3><ul>{items}</ul></div>'


def _failure(said: str) -> str:
    first, _, rest = said.partition("\n")
    return escape(first) + (f"<pre>{escape(rest)}</pre>" if rest else "")


def _course(number: int, one: Rehearsal) -> str:
    days = groupby(one.moments, key=lambda moment: moment.at.date())
    parts = []
    for day, moments in days:
        items = "".join(_moment(number, moment) for moment in moments)
        parts.append(f"<h4>{_day(one.story, day_of(one.story.begins, day))}{_date(day)}</h4><ol>{items}</ol>")
    return "".join(parts)


def _day(story: Story, day: int | None) -> str:
    return f'<span class="day">Day {day}</span> ' if story.begins is not None and day is not None else ""


def _date(day: object) -> str:
    return escape(format_date(day, "EEE, MMM d", locale=_LOCALE))  # type: ignore[arg-type]  # a date


def _moment(number: int, moment: Moment) -> str:
    because = "".join(f"<small>{escape(reason)}</small>" for reason in moment.because)
    says = escape(moment.says)
    if moment.letter is not None:
        says = f'<a href="#{_letter_anchor(number, moment.letter)}">{says}</a>'
    kind = "writes" if moment.letter is not None else moment.who
    return f'<li class="{kind}"><time>{moment.at:%H:%M}</time><p>{says}{because}</p></li>'


# ---------------------------------------------------------------------------- letters


def _letter_anchor(number: int, index: int) -> str:
    return f"{_anchor(number)}-letter-{index + 1}"


def _letters(number: int, one: Rehearsal, sender: str) -> str:
    if not one.letters:
        said = "There is nothing to tell, so nobody is written to." if one.passed else "No letter goes out."
        return f'<p class="silence">Nothing. {said}</p>'
    return "".join(
        _letter(_letter_anchor(number, index), one, letter, sender)
        for index, letter in enumerate(one.letters)
    )


def _letter(anchor: str, one: Rehearsal, letter: Sent, sender: str) -> str:
    notice = letter.expected.notice if letter.expected is not None else ""
    noticed = (
        f'<aside class="notice"><h4>What to notice</h4><p>{escape(notice)}</p></aside>' if notice else ""
    )
    bad = "" if not letter.failures else " differs"
    return (
        f'<figure class="letter{bad}" id="{anchor}"><figcaption>{"".join(_envelope(one, letter, sender))}</figcaption>'
        f"{_content(letter)}</figure>{noticed}"
    )


def _envelope(one: Rehearsal, letter: Sent, sender: str) -> Iterator[str]:
    day = day_of(one.story.begins, letter.at.date())
    when = f"{_date(letter.at.date())}, {letter.at:%H:%M}" + (f" (day {day})" if day is not None else "")
    yield f'<p class="subject">{escape(letter.subject or "The words could not be filled in")}</p>'
    to = letter.message.letter.to if letter.message.letter is not None else ""
    rows = {"From": sender, "To": f"{one.story.customer.name} <{to}>", "Sent": when}
    items = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in rows.items())
    attached = f'<div><dt>Attached</dt><dd><span class="file">{escape(letter.attachment)}</span></dd></div>'
    yield f"<dl>{items}{attached if letter.attachment else ''}</dl>"


def _content(letter: Sent) -> str:
    mail = letter.mail
    if mail is None:
        return f'<pre class="problem">{escape(letter.problem)}</pre>'
    # Scripts stay forbidden inside; the same origin lets the page measure how high the letter is.
    return (
        f'<iframe sandbox="allow-same-origin" title="{escape(letter.subject)}" srcdoc="{escape(mail.page)}"></iframe>'
        f'<details><summary>As plain text</summary><pre lang="{escape(letter.message.locale)}">{escape(mail.text)}</pre></details>'
    )
