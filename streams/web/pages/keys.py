"""Which keys do what, and what the words of these pages mean."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams.web.page import show
from streams.web.security import needs


@needs("reader")
async def show_keys(request: web.Request) -> web.Response:
    """Show the keys."""
    return await show(request, "keys")


ROUTES: Final = (web.get("/keys", show_keys),)
