"""Open cases, the longest standing first: of one kind, or all."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams.web.page import page_number, show
from streams.web.room import room_of
from streams.web.security import needs


@needs("reader")
async def list_cases(request: web.Request) -> web.Response:
    """Show a page of open cases."""
    room = room_of(request)
    kind, number = request.query.get("kind") or None, page_number(request)
    today = await room.today()
    page = await room.ask(lambda reading: reading.open_cases(kind, number))
    kinds = [one for one in today.kinds if one.open or one.kind == kind]
    kinds.sort(key=lambda one: (-one.open, one.kind))
    return await show(request, "cases", page=page, number=number, kind=kind, kinds=kinds)


ROUTES: Final = (web.get("/cases", list_cases),)
