"""Finds an order by any of its names. By POST, so that no address of a customer stands in a log or a history."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams.web.page import read_form, see, show
from streams.web.room import room_of
from streams.web.security import needs

LONGEST: Final = 320  # characters: the longest mail address, and longer than any id


@needs("reader")
async def ask(request: web.Request) -> web.Response:
    """Show the field alone, for those who come by a link."""
    return await show(request, "search", text="", found=None, near=())


@needs("reader")
async def find(request: web.Request) -> web.Response:
    """Go to the order, or show several; what was typed comes back on the page and nowhere else."""
    text = (await read_form(request)).get("text", "")[:LONGEST]
    if not text:
        return await show(request, "search", text="", found=None, near=())
    room = room_of(request)
    found = await room.ask(lambda reading: reading.search(text))
    if len(found) == 1:
        raise see("/order", id=found[0].order_id)
    near = () if found else await room.ask(lambda reading: reading.nearest(text))
    return await show(request, "search", text=text, found=found, near=near)


ROUTES: Final = (web.get("/search", ask), web.post("/search", find))
