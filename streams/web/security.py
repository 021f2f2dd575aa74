"""What every answer carries and every form must bring, so that a page can only do what its reader asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from streams.problems import InputProblem
from streams.web.room import VISITOR, room_of
from streams.web.session import Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# No inline script or style anywhere; what a customer wrote can only ever be text.
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail brings its styles along and nothing else: no script, no form, no request to anywhere, no origin of its own.
LETTER_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none';"
    " frame-ancestors 'self'; sandbox"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: browsers then hide the origin of our own forms as well.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_SAME: Final = {"same-origin", "none"}  # none: somebody typed the address


@web.middleware
async def forms_checked(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody have anything done from elsewhere."""
    if request.method not in {"GET", "HEAD"}:
        await _check_form(request)
    return await handler(request)


@web.middleware
async def headed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the browser what a page may do, whatever the page is."""
    response = await handler(request)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _check_form(request: web.Request) -> None:
    """Refuse a form that is not ours, or not of this visit.

    Raises:
        InputProblem: ``form-not-ours``.
    """
    form = await request.post()
    given = form.get("form_token", "")
    ours = isinstance(given, str) and room_of(request).door.seal.is_form_token(request[VISITOR], given)
    if not ours or request.headers.get("Sec-Fetch-Site", "same-origin") not in _SAME:
        raise InputProblem(
            "form-not-ours",
            "this form does not belong to your visit",
            why="it was opened before you signed in again, or another page sent it",
            hint="go back, load the page again and do it once more",
        )


def needs(role: Role) -> Callable[[Handler], Handler]:
    """Let only those call a handler who may do what ``role`` may do; strangers are sent to the door."""

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        async def checked(request: web.Request) -> web.StreamResponse:
            visitor = request[VISITOR]
            if visitor.role is None:
                raise web.HTTPSeeOther("/sign-in")
            if not visitor.may(role):
                raise NotAllowed(role)
            return await handler(request)

        return checked

    return decorate


class NotAllowed(InputProblem):
    """Somebody may look at this and not do it."""

    def __init__(self, role: Role) -> None:
        super().__init__(
            "role-too-low",
            f"only an {role} may do this" if role != "reader" else "only those who signed in may see this",
            hint=f"sign in with the token of an {role}, or ask somebody who has it",
        )


def route_of(request: web.Request) -> str:
    """Return which route it was, as we wrote it: never what somebody typed."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
