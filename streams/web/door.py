"""Who may come in: by a shared token, or by the word of a proxy that we trust."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import msgspec
from aiohttp import web

from streams.problems import UsageProblem
from streams.settings import FIELDS, Settings
from streams.web.session import COOKIE, RANKS, Role, Seal, Visitor

SHORTEST_TOKEN: Final = 16  # characters; `openssl rand -base64 24` writes 32
LONGEST_NAME: Final = 80  # characters; who signs in says who they are, for the record

_Network = IPv4Network | IPv6Network


class Token(msgspec.Struct, frozen=True):
    """A shared token, by its hash: comparing takes the same time whatever was typed."""

    role: Role
    digest: bytes


class Proxy(msgspec.Struct, frozen=True):
    """A proxy that has asked people who they are: its headers, and where it stands."""

    user_header: str
    role_header: str
    networks: tuple[_Network, ...]


class Door:
    """Knows visitors by cookie or by proxy. ``spoken`` is a token made for this run alone, if nothing was set."""

    def __init__(self, settings: Settings) -> None:
        text = settings.console_tokens.reveal() if settings.console_tokens is not None else ""
        self.tokens = read_tokens(text)
        self.proxy = _proxy(settings)
        self.spoken: str | None = None
        if not self.tokens and self.proxy is None:
            self.spoken = secrets.token_urlsafe(18)
            self.tokens = (Token("approver", _digest(self.spoken)),)
        self.seal = Seal(text.encode() or secrets.token_bytes(32))

    def visitor(self, request: web.Request, now: datetime) -> Visitor:
        """Return who asks: the proxy's word counts first, then the cookie; else a stranger."""
        told = self._told_by_proxy(request, now)
        if told is not None:
            return told
        return self.seal.open(request.cookies.get(COOKIE, ""), now) or self.seal.stranger(now)

    def role_of(self, token: str) -> Role | None:
        """Return what a token lets its holder do; every known token is compared."""
        given, found = _digest(token.strip()), None
        for one in self.tokens:
            if hmac.compare_digest(one.digest, given):
                found = one.role
        return found

    def _told_by_proxy(self, request: web.Request, now: datetime) -> Visitor | None:
        if self.proxy is None or not _stands_in(request.remote, self.proxy.networks):
            return None
        name = request.headers.get(self.proxy.user_header, "").strip()[:LONGEST_NAME]
        role = _highest(request.headers.get(self.proxy.role_header, ""))
        if not name or role is None:
            return None
        # No cookie of ours: the nonce follows from the name, so that a form fits the visit that asked for it.
        return msgspec.structs.replace(self.seal.welcome(name, role, now), nonce=f"proxy:{name}")


def read_tokens(text: str) -> tuple[Token, ...]:
    """Read ``ROLE:TOKEN`` lines; empty lines and those that begin with ``#`` say nothing.

    Raises:
        UsageProblem: ``console-token-wrong``: a line is none; the token itself is not repeated.
    """
    tokens = []
    for number, line in enumerate(text.splitlines(), start=1):
        role, separator, token = line.strip().partition(":")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not separator or role not in RANKS:
            raise _wrong(number, f"it does not begin with one of {', '.join(RANKS)} and a colon")
        if len(token.strip()) < SHORTEST_TOKEN:
            raise _wrong(number, f"its token has fewer than {SHORTEST_TOKEN} characters")
        tokens.append(Token(role, _digest(token.strip())))  # type: ignore[arg-type] # looked up in RANKS
    return tuple(tokens)


def _proxy(settings: Settings) -> Proxy | None:
    headers = (settings.console_user_header, settings.console_role_header)
    if not any(headers):
        return None
    if not all(headers):
        raise UsageProblem(
            "console-proxy-wrong",
            "a trusted proxy needs both headers: who somebody is, and what they may do",
            where=FIELDS["console_user_header" if headers[0] == "" else "console_role_header"].variable,
            hint="set both, or neither",
        )
    try:
        networks = tuple(
            ip_network(part.strip()) for part in settings.console_proxies.split(",") if part.strip()
        )
    except ValueError as error:
        raise UsageProblem(
            "console-proxy-wrong",
            f"{settings.console_proxies!r} are not addresses or networks",
            where=FIELDS["console_proxies"].variable,
            why=str(error),
            hint="write 10.0.0.7 or 10.0.0.0/24, several with commas",
        ) from error
    return Proxy(*headers, networks)


def _stands_in(peer: str | None, networks: tuple[_Network, ...]) -> bool:
    if peer is None:
        return False
    address = ip_address(peer.partition("%")[0])
    return any(address in network for network in networks)


def _highest(text: str) -> Role | None:
    """Return the highest role among what a proxy calls groups, if one of them is a role."""
    named = {part.strip() for part in text.split(",")}
    ranked: tuple[Role, ...] = ("approver", "operator", "reader")
    return next((role for role in ranked if role in named), None)


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=32).digest()


def _wrong(number: int, why: str) -> UsageProblem:
    return UsageProblem(
        "console-token-wrong",
        f"line {number} of the console's tokens is no token",
        where=FIELDS["console_tokens"].variable,
        why=why,
        hint="write one line per token, such as operator: and the words of `openssl rand -base64 24`",
    )


def hand_cookie(
    request: web.Request, response: web.StreamResponse, value: str, seconds: int | None = None
) -> None:
    """Give a visitor our cookie: no script reads it, and no other site's page sends it along."""
    secure = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
    response.set_cookie(
        COOKIE, value, max_age=seconds, httponly=True, samesite="Strict", secure=secure, path="/"
    )
