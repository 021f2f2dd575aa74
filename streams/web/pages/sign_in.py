"""In with a shared token and a name for the record, and out again."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.web.door import LONGEST_NAME, hand_cookie
from streams.web.page import read_form, see, show
from streams.web.room import room_of, visitor_of
from streams.web.session import COOKIE, LASTS


async def ask(request: web.Request) -> web.Response:
    """Show the form; who is inside already goes on to the first page."""
    if visitor_of(request).role is not None:
        raise see("/")
    return await _form(request, wrong=False)


async def enter(request: web.Request) -> web.Response:
    """Let somebody in whose token we know."""
    room, form = room_of(request), await read_form(request)
    name, role = form.get("name", "")[:LONGEST_NAME], room.door.role_of(form.get("token", ""))
    if not name or role is None:
        telemetry.sign_in_refused()
        return await _form(request, wrong=True)
    visitor = room.door.seal.welcome(name, role, room.clock())
    response = web.Response(status=303, headers={"Location": "/"})
    hand_cookie(request, response, room.door.seal.close(visitor), int(LASTS.total_seconds()))
    telemetry.signed_in(role=role)
    return response


async def leave(_request: web.Request) -> web.Response:
    """Forget who it was."""
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    response.del_cookie(COOKIE, path="/")
    return response


async def _form(request: web.Request, *, wrong: bool) -> web.Response:
    response = await show(
        request,
        "sign_in",
        wrong=wrong,
        tokens=bool(room_of(request).door.tokens),
        status=403 if wrong else 200,
    )
    # The stranger's cookie: the form must come back from the browser that asked for it.
    hand_cookie(request, response, room_of(request).door.seal.close(visitor_of(request)))
    return response


ROUTES: Final = (web.get("/sign-in", ask), web.post("/sign-in", enter), web.post("/sign-out", leave))
