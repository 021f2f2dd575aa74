"""The answers page as one aiohttp application. Only a POST with our button in it does anything (RFC 9110 9.2.1).

``GET`` and ``HEAD`` may be repeated by whoever likes: mail scanners open every link of a mail, and browsers
fetch ahead. ``POST`` with ``List-Unsubscribe=One-Click`` is what a mail program sends when its own button was
pressed (RFC 8058 3.2): it is taken without a page, for opting out and for nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.links import Choice, LinkProblem
from streams.problems import Problem
from streams.web.answers.page import Pages
from streams.web.answers.taking import Answers

LARGEST_FORM: Final = 4 * 1024  # bytes; a button is a hundredth of it
_BUTTON: Final = "answer"
_ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
_OPT_OUT: Final = "stop"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ANSWERS: Final = web.AppKey("answers", Answers)
PAGES: Final = web.AppKey("pages", Pages)


def make_app(answers: Answers, pages: Pages) -> web.Application:
    """Return the application, to be served or mounted."""
    app = web.Application(client_max_size=LARGEST_FORM, middlewares=[_headed, _told_kindly])
    app[ANSWERS] = answers
    app[PAGES] = pages
    app.router.add_get("/a/{token}", _look)
    app.router.add_post("/a/{token}", _answer)
    app.router.add_get("/robots.txt", _robots)
    app.router.add_get("/health/live", _live)
    return app


async def _look(request: web.Request) -> web.Response:
    answers, pages = request.app[ANSWERS], request.app[PAGES]
    choice = answers.read(request.match_info["token"])
    given = await answers.was_given(choice)
    return pages.noted_already(choice) if given else pages.question(choice)


async def _answer(request: web.Request) -> web.Response:
    choice = request.app[ANSWERS].read(request.match_info["token"])
    form = await request.post()
    if form.get(_ONE_CLICK[0]) == _ONE_CLICK[1]:
        return await _one_click(request, choice)
    if form.get(_BUTTON) != choice.answer:  # not our button: somebody who posts to whatever there is
        return await _look(request)
    return await _pressed(request, choice)


async def _pressed(request: web.Request, choice: Choice) -> web.Response:
    answers, pages = request.app[ANSWERS], request.app[PAGES]
    try:
        fresh = await answers.give(choice)
    except Problem as problem:
        telemetry.answer_not_taken(code=problem.code, why=problem.why)
        return pages.unavailable(choice)
    if not fresh:
        return pages.noted_already(choice)
    telemetry.answer_given(order_id=choice.order_id, answer=choice.answer)
    return pages.thanks(choice)


async def _one_click(request: web.Request, choice: Choice) -> web.Response:
    """Take a mail program's own button; it shows its reader nothing that we say."""
    if choice.answer != _OPT_OUT:
        raise web.HTTPBadRequest
    try:
        fresh = await request.app[ANSWERS].give(choice)
    except Problem as problem:
        telemetry.answer_not_taken(code=problem.code, why=problem.why)
        return web.Response(status=503, headers={"Retry-After": "60"})
    if fresh:
        telemetry.answer_given(order_id=choice.order_id, answer=choice.answer)
    return web.Response(status=200)


async def _robots(_request: web.Request) -> web.Response:
    return web.Response(text="User-agent: *\nDisallow: /\n")


async def _live(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


@web.middleware
async def _headed(request: web.Request, handler: _Handler) -> web.StreamResponse:
    response = await handler(request)
    for name, value in request.app[PAGES].headers.items():
        response.headers.setdefault(name, value)
    return response


@web.middleware
async def _told_kindly(request: web.Request, handler: _Handler) -> web.StreamResponse:
    pages, asked = request.app[PAGES], _asked(request.headers)
    try:
        return await handler(request)
    except LinkProblem as problem:
        telemetry.link_refused(code=problem.code)
        return pages.forged(asked) if problem.choice is None else pages.expired(problem.choice)
    except web.HTTPException as error:
        page = pages.nowhere(asked, error.status)
        if "Allow" in error.headers:
            page.headers["Allow"] = error.headers["Allow"]
        return page
    except Exception as error:  # noqa: BLE001 - the last line: a customer gets a page, the log a type and no text
        telemetry.answer_not_taken(code="internal", why=type(error).__name__)
        return pages.nowhere(asked, 503)


def _asked(headers: Mapping[str, str]) -> str:
    """Return the first language that a browser names."""
    return headers.get("Accept-Language", "").split(",")[0].split(";")[0].strip()[:35] or "en"
