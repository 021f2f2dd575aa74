"""The console as one aiohttp application: routes, the guard in front of them, and problems as pages."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem, Problem, UsageProblem, WorldProblem
from streams.web.page import serve_asset, show_problem
from streams.web.pages import (
    backtests,
    cases,
    held,
    keys,
    letters,
    mail,
    order,
    reviews,
    search,
    sign_in,
    today,
    variants,
)
from streams.web.room import ROOM, VISITOR, Room, room_of
from streams.web.security import Handler, NotAllowed, forms_checked, headed, route_of

LARGEST_FORM: Final = 64 * 1024  # bytes; a long note is a hundredth of it
_PAGES: Final = (
    today,
    cases,
    search,
    order,
    reviews,
    held,
    letters,
    mail,
    variants,
    backtests,
    keys,
    sign_in,
)


def make_app(room: Room) -> web.Application:
    """Return the console's application, to be served or mounted."""
    app = web.Application(client_max_size=LARGEST_FORM, middlewares=_AROUND)
    app[ROOM] = room
    app.router.add_get("/static/{mark}/{name}", serve_asset)
    app.router.add_get("/health/live", _live)
    for page in _PAGES:
        app.add_routes(page.ROUTES)
    return app


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


@web.middleware
async def _welcomed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, before anything else."""
    room = room_of(request)
    request[VISITOR] = room.door.visitor(request, room.clock())
    return await handler(request)


@web.middleware
async def _problems_as_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPSeeOther as way:
        return web.Response(status=303, headers={"Location": way.headers["Location"]})
    except web.HTTPException as error:
        return await show_problem(request, _of_http(error), error.status)
    except NotAllowed as problem:
        return await show_problem(request, problem, 403)
    except Problem as problem:
        return await show_problem(request, problem, _status_of(problem))
    except Exception as error:  # noqa: BLE001 - the last line: a person gets a page, the log a type and no text
        telemetry.console_failed(page=route_of(request), why=type(error).__name__)
        return await show_problem(request, _internal(error), 500)


_AROUND: Final = (_welcomed, headed, _problems_as_pages, forms_checked)


def _status_of(problem: Problem) -> int:
    if isinstance(problem, WorldProblem):
        return 503
    return 400 if isinstance(problem, InputProblem | UsageProblem) else 500


def _of_http(error: web.HTTPException) -> Problem:
    if error.status == 404:
        return InputProblem(
            "page-not-found", "there is no such page", hint="begin at Today, or search for an order"
        )
    return InputProblem(
        "request-refused", f"this request cannot be answered: {error.reason}", hint="go back and try again"
    )


def _internal(error: Exception) -> Problem:
    return Problem(
        "internal",
        "the console made a mistake of its own",
        why=type(error).__name__,
        hint="nothing was changed; the log names the page. Report it with what you did",
    )
