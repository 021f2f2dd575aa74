"""The studio as one aiohttp application: routes, the door in front of them, and problems as pages or JSON."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem, Problem
from streams.web.security import Handler, headed, route_of
from streams.web.studio import accepted, drafts, files, listening, messages, trials, versions
from streams.web.studio.calls import refuse, status_of
from streams.web.studio.page import serve_asset, show_problem
from streams.web.studio.room import ROOM, Room, room_of

LARGEST: Final = 1024 * 1024  # bytes of a request: a file of 100,000 bytes, spelled in JSON
_PARTS: Final = (messages, files, drafts, accepted, versions, trials, listening)


def make_app(room: Room) -> web.Application:
    """Return the studio's application."""
    app = web.Application(client_max_size=LARGEST, middlewares=_AROUND)
    app[ROOM] = room
    app.router.add_get("/static/{mark}/{name}", serve_asset)
    for part in _PARTS:
        app.add_routes(part.ROUTES)
    return app


@web.middleware
async def _let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask everybody at the door; styles and scripts are no secret, but asked for from our pages too."""
    room = room_of(request)
    if request.path.startswith("/static/"):
        room.door.check_origin(request)
    elif "token" in request.query and request.method == "GET":
        room.door.check_origin(request)
        return room.door.welcome(request, room.clock())
    else:
        room.door.check(request, room.clock())
    return await handler(request)


@web.middleware
async def _problems_told(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return await _tell(request, _of_http(error), error.status)
    except Problem as problem:
        if problem.code == "studio-stopped":
            telemetry.draft_stopped(call=route_of(request), why=problem.why)
        return await _tell(request, problem, status_of(problem))
    except Exception as error:  # noqa: BLE001 - the last line: a person gets a sentence, the log a type and no text
        telemetry.studio_failed(call=route_of(request), why=type(error).__name__)
        return await _tell(request, _internal(error), 500)


_AROUND: Final = (headed, _problems_told, _let_in)


async def _tell(request: web.Request, problem: Problem, status: int) -> web.Response:
    if request.path.startswith(("/api/", "/events")):
        return refuse(problem, None if status == 409 else status)
    return await show_problem(request, problem, status)


def _of_http(error: web.HTTPException) -> Problem:
    if error.status == 404:
        return InputProblem(
            "studio-page-unknown", "there is no such page", hint="begin at the list of messages"
        )
    return InputProblem(
        "studio-request-wrong",
        f"this request cannot be answered: {error.reason}",
        hint="go back and try again; a text may have 100,000 bytes",
    )


def _internal(error: Exception) -> Problem:
    return Problem(
        "internal",
        "the studio made a mistake of its own",
        why=type(error).__name__,
        hint="nothing was changed; the log names the call. Report it with what you did",
    )
