"""Who may come in: whoever holds the address that was printed; and no page of another place may ask in their name."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from streams.problems import InputProblem
from streams.settings import Settings
from streams.web.session import LASTS, Seal

HEADER: Final = "X-Firstword-Studio"
_SAFE: Final = frozenset({"GET", "HEAD"})
_OWN: Final = frozenset({"same-origin", "none"})  # none: somebody typed the address


class Refused(InputProblem):
    """Somebody may not come in, or asks from elsewhere."""


class Door:
    """Knows the token of this studio, and the cookie that stands for it.

    Cookies do not know ports: the name carries ours, so that two studios on one machine leave each other's alone.
    """

    def __init__(self, settings: Settings) -> None:
        given = settings.studio_token.reveal().strip() if settings.studio_token is not None else ""
        self.token = given or secrets.token_urlsafe(24)
        self._seal = Seal(self.token.encode())
        self._names = {name.strip().lower() for name in settings.studio_hosts.split(",") if name.strip()}
        self._cookie = "firstword_studio"
        self._port = 0

    def open_at(self, host: str, port: int) -> None:
        """Learn where the studio is: a request must have asked for that."""
        self._cookie, self._port = f"firstword_studio_{port}", port
        self._names.add(host.lower())
        if _is_this_machine(host):
            self._names |= {"localhost", "127.0.0.1", "::1"}

    def check(self, request: web.Request, now: datetime) -> None:
        """Let a request in that has our cookie, asks for our address, and comes from our pages.

        Raises:
            Refused: it is none.
        """
        self.check_origin(request)
        visitor = self._seal.open(request.cookies.get(self._cookie, ""), now)
        if visitor is None:
            raise Refused(
                "studio-not-in",
                "this visit to the studio is over, or has not begun",
                hint="open the address that `firstword studio` has printed",
            )
        if request.method not in _SAFE and request.headers.get(HEADER) != "1":
            raise _from_elsewhere(f"the header {HEADER} is missing")

    def check_origin(self, request: web.Request) -> None:
        """Refuse what was asked of another name (DNS rebinding), or by a page of another place.

        Raises:
            Refused: ``studio-not-ours``.
        """
        host = request.headers.get("Host", "").lower()
        if self._named(host) not in self._names:
            raise _from_elsewhere("it asks for an address that is not the studio's")
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
            raise _from_elsewhere("a page of another place has sent it")
        if request.method not in _SAFE and request.headers.get("Sec-Fetch-Site", "none") not in _OWN:
            raise _from_elsewhere("a page of another place has sent it")

    def welcome(self, request: web.Request, now: datetime) -> web.Response:
        """Answer who brings the token: a cookie, and the same page without it.

        Raises:
            Refused: ``studio-token-wrong``.
        """
        given = request.query.get("token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode()):
            raise Refused(
                "studio-token-wrong",
                "this is not the token of the studio that runs now",
                why="every start of the studio has its own, unless FIRSTWORD_STUDIO_TOKEN sets one",
                hint="open the address that `firstword studio` has printed last",
            )
        response = web.Response(status=303, headers={"Location": request.path})
        value = self._seal.close(self._seal.welcome("studio", "operator", now))
        secure = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
        response.set_cookie(
            self._cookie,
            value,
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=secure,
            path="/",
        )
        return response

    def _named(self, host: str) -> str:
        """Return the name of a Host; another port is another place, but for a proxy's own."""
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        if not name:
            name, port = host, ""
        bare = name.strip("[]")
        own = port == str(self._port) or (bare in self._names and not _is_this_machine(bare))
        return bare if own else ""


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_elsewhere(why: str) -> Refused:
    return Refused(
        "studio-not-ours",
        "the studio answers its own pages only",
        why=why,
        hint="open the address that `firstword studio` has printed; behind a proxy, name it in FIRSTWORD_STUDIO_HOSTS",
    )
