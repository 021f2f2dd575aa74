"""Mails that wait in their orders, and why; they are judged again before they go out."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams.web.page import page_number, show
from streams.web.room import room_of
from streams.web.security import needs


@needs("reader")
async def list_held(request: web.Request) -> web.Response:
    """Show a page of held mails, the longest waiting first."""
    number = page_number(request)
    page = await room_of(request).ask(lambda reading: reading.held(number))
    return await show(request, "held", page=page, number=number)


ROUTES: Final = (web.get("/held", list_held),)
