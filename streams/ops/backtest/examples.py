"""Changed orders to read: what their customers would have been sent under either policy, word for word."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from streams.core.zones import local
from streams.ops.backtest.change import SORTS, Changes, Example
from streams.ops.backtest.fate import Fate, Told
from streams.ops.backtest.spelling import REASON_WORDS, REMEDY_WORDS, money
from streams.pipeline.ports import Renderer
from streams.problems import TemplateProblem


class ReadMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail as its customer would have read it; ``sent`` is the customer's own time."""

    sent: str
    template: str
    subject: str
    text: str
    html: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy did for an order."""

    mails: list[ReadMail]
    granted: list[str]
    asked: list[str]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A changed order under both policies; times are the customer's own."""

    order_id: str
    sort: str
    says: str
    placed: str
    promised_by: str | None
    arrived: str | None
    first: Side
    here: Side


def read(changes: Changes, renderer: Renderer) -> list[Reading]:
    """Render the examples of all sorts, sort by sort."""
    return [_reading(example, renderer) for sort in SORTS for example in changes.examples.get(sort, ())]


def plain(readings: list[Reading]) -> Any:
    """Return readings for a program: the words of the mails, without their frame."""
    found = msgspec.to_builtins(readings)
    for one in found:
        for side in (one["first"], one["here"]):
            for mail in side["mails"]:
                del mail["html"]
    return found


def _reading(one: Example, renderer: Renderer) -> Reading:
    return Reading(
        order_id=one.change.order_id,
        sort=one.change.sort,
        says=SORTS[one.change.sort],
        placed=_when(one.placed_at, one.zone),
        promised_by=one.promised_by,
        arrived=_when(one.arrived_at, one.zone) if one.arrived_at is not None else None,
        first=_side(one.before, one.zone, renderer),
        here=_side(one.after, one.zone, renderer),
    )


def _side(fate: Fate, zone: str, renderer: Renderer) -> Side:
    return Side(
        mails=[_mail(one, zone, renderer) for one in fate.told],
        granted=[f"{REMEDY_WORDS[one.remedy]}: {money(one.minor, one.currency)}" for one in fate.granted],
        asked=[REASON_WORDS.get(one.reason, one.reason) for one in fate.asked],
    )


def _mail(one: Told, zone: str, renderer: Renderer) -> ReadMail:
    sent, template = _when(one.now, zone), one.message.template
    try:
        mail = renderer.render(one.message)
    except TemplateProblem as problem:
        # The figures stand without words; whoever reads the example sees what is missing.
        said = f"{problem.what} [{problem.code}]"
        return ReadMail(sent=sent, template=template, subject=said, text=str(problem), html="")
    return ReadMail(sent=sent, template=template, subject=mail.subject, text=mail.text, html=mail.page)


def _when(moment: datetime, zone: str) -> str:
    return f"{local(moment, zone):%a %Y-%m-%d %H:%M}"
