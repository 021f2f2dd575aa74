"""The mail ledger: what waits and for how long, and mails in doubt, which a person settles with evidence."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem
from streams.web.page import page_number, read_form, see, show
from streams.web.ports import Verdict
from streams.web.room import room_of, visitor_of
from streams.web.security import needs

LONGEST_EVIDENCE: Final = 500  # characters; the ledger keeps a thousand of a reply
_VERDICTS: Final[dict[str, Verdict]] = {"arrived": "arrived", "send_again": "send_again"}


@needs("reader")
async def show_ledger(request: web.Request) -> web.Response:
    """Show the ages of what waits, and what is in doubt."""
    room, number = room_of(request), page_number(request)
    ledger = await room.ask(lambda reading: reading.ledger(number))
    noted = {row.message_id: room.noted(row.message_id) for row in ledger.doubtful.rows}
    return await show(request, "mail", ledger=ledger, number=number, noted=noted)


@needs("operator")
async def settle(request: web.Request) -> web.Response:
    """Settle a mail in doubt, with what somebody saw."""
    room, form = room_of(request), await read_form(request)
    message_id, evidence = form.get("message_id", ""), form.get("evidence", "")[:LONGEST_EVIDENCE]
    verdict = _VERDICTS.get(form.get("verdict", ""))
    if verdict is None:
        raise InputProblem("verdict-missing", "nothing was decided", hint="press one of the two buttons")
    if not evidence:
        raise InputProblem(
            "evidence-missing",
            "settling a mail needs evidence",
            why="sending it twice and never sending it are both wrong, and only what somebody saw tells them apart",
            hint="go back and write what you saw, such as: the relay's log has it at 14:02 with 250 OK",
        )
    by = visitor_of(request).name
    if not await room.do(lambda deeds: deeds.settle(message_id, verdict, by=by, evidence=evidence)):
        raise see("/mail", done="nothing")
    telemetry.console_used(deed=verdict, order_id="")
    room.note(message_id, f"settled by {by}")
    raise see("/mail", done=verdict)


ROUTES: Final = (web.get("/mail", show_ledger), web.post("/mail", settle))
