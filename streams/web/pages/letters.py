"""Dead letters by reason, each with its bytes, and another try for one, some or all of them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem
from streams.web.page import page_number, see, show
from streams.web.room import room_of, visitor_of
from streams.web.security import needs


@needs("reader")
async def list_letters(request: web.Request) -> web.Response:
    """Show dead letters by reason, some of them, and what is parked."""
    room, code, number = room_of(request), request.query.get("code") or None, page_number(request)
    letters = await room.ask(lambda reading: reading.letters(code, number))
    noted = {row.id: room.noted(row.id) for row in letters.page.rows}
    return await show(request, "letters", letters=letters, number=number, code=code, noted=noted)


@needs("reader")
async def show_letter(request: web.Request) -> web.Response:
    """Show one dead letter whole."""
    room, letter_id = room_of(request), request.query.get("id", "")
    letter = await room.ask(lambda reading: reading.letter(letter_id))
    if letter is None:
        raise web.HTTPNotFound
    return await show(request, "letter", letter=letter, noted=room.noted(letter_id))


@needs("operator")
async def redrive(request: web.Request) -> web.Response:
    """Give letters another try: those that were ticked, or all with a code."""
    room, form = room_of(request), await request.post()
    letter_ids = [text for text in form.getall("letter", []) if isinstance(text, str)]
    every = form.get("every")
    code = every if isinstance(every, str) and every else None
    if not letter_ids and code is None:
        raise InputProblem(
            "nothing-chosen", "no letter was chosen", hint="go back and tick the letters to try again"
        )
    by = visitor_of(request).name
    tried = await room.do(lambda deeds: deeds.redrive(letter_ids, code=code, by=by))
    telemetry.console_used(deed="redrive", order_id="")
    for letter_id in letter_ids:
        room.note(letter_id, f"given another try by {by}")
    raise see("/letters", done="redriven" if tried else "nothing", n=str(tried))


ROUTES: Final = (
    web.get("/letters", list_letters),
    web.get("/letter", show_letter),
    web.post("/letters", redrive),
)
