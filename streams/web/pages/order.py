"""One order: where it stands, its story, and its mails as they looked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import msgspec
from aiohttp import web

from streams.core.events import MessageQueued
from streams.ops.read_model.shapes import OrderStory
from streams.ops.timeline import Entry, Mail
from streams.pipeline.ports import Pin, PinningRenderer, RenderedMail
from streams.problems import Problem
from streams.web.page import show
from streams.web.ports import Reading
from streams.web.room import room_of
from streams.web.security import LETTER_POLICY, needs

# What the story says of what waits for a person, and where a person answers.
_ASKS: Final = (
    (re.compile(r"review \S+ waits"), ("/reviews", "Decide the review")),
    (re.compile(r"mail \S+ is (in_doubt|refused)"), ("/mail", "Settle the mail")),
)
_DATE: Final = 14  # characters of ``Fri 2026-11-20`` at the beginning of an entry's local time


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of an order in the words it was begun with, else in today's, or ``why`` they cannot fill it in.

    ``mail`` is the ledger's word.
    """

    message: MessageQueued
    mail: Mail | None
    subject: str = ""
    text: str = ""
    why: str = ""


@needs("reader")
async def show_order(request: web.Request) -> web.Response:
    """Show everything about an order; the newest last, as in the story."""
    room, order_id = room_of(request), request.query.get("id", "")
    order = await room.ask(lambda reading: reading.order(order_id))
    if order is None:
        return await show(request, "no_order", order_id=order_id, status=404)
    mails = await room.ask(lambda reading: list(_mails(order, room.renderer, reading)))
    days = _by_day(order.timeline.entries)
    asks = [way for asked, way in _ASKS if any(map(asked.match, order.timeline.standing))]
    return await show(request, "order", order=order, story=order.timeline, days=days, mails=mails, asks=asks)


@needs("reader")
async def show_letter(request: web.Request) -> web.Response:
    """Answer with a mail as it looked, to be framed: it can run nothing and ask nobody for anything."""
    room = room_of(request)
    order_id, message_id = request.query.get("order", ""), request.query.get("id", "")
    order = await room.ask(lambda reading: reading.order(order_id))
    messages = order.messages if order is not None else ()
    message = next((one for one in messages if one.message_id == message_id and one.letter), None)
    if order is None or message is None:
        raise web.HTTPNotFound
    mail = await room.ask(lambda reading: _rendered(order, message, room.renderer, reading))
    headers = {"Content-Security-Policy": LETTER_POLICY}
    return web.Response(text=mail.page, content_type="text/html", headers=headers)


def _rendered(
    order: OrderStory, message: MessageQueued, renderer: PinningRenderer, reading: Reading
) -> RenderedMail:
    """Return a mail in the words it was begun with; in today's where it was not begun, or they are lost."""
    pin = order.pins.get(message.message_id, Pin())
    if pin.version and not renderer.knows(message.template, pin.version):
        sources = reading.words(pin.version)
        if sources is None:
            return renderer.render(message)
        renderer.learn(message.template, pin.version, sources)
    return renderer.render(message, pin)


def _mails(order: OrderStory, renderer: PinningRenderer, reading: Reading) -> Iterator[Mailed]:
    ledger = {mail.message_id: mail for mail in order.timeline.mails}
    for message in order.messages:
        mail = ledger.get(message.message_id)
        if message.letter is None:
            yield Mailed(message=message, mail=mail, why="its letter is kept no more")
            continue
        try:
            rendered = _rendered(order, message, renderer, reading)
        except Problem as problem:
            yield Mailed(message=message, mail=mail, why=f"the words cannot fill it in: {problem.what}")
        else:
            yield Mailed(message=message, mail=mail, subject=rendered.subject, text=rendered.text)


def _by_day(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return the story's entries below the days of the customer's calendar."""
    return [(date, list(some)) for date, some in groupby(entries, key=lambda entry: entry.local[:_DATE])]


ROUTES: Final = (web.get("/order", show_order), web.get("/order/letter", show_letter))
