"""Reads mail URLs: ``maildir:DIR`` and ``smtp://user:pass@host:port?tls=starttls|implicit|none``."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path
from typing import cast, get_args
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from streams.mail.maildir import MaildirTransport
from streams.mail.smtp import Relay, SmtpTransport, Tls
from streams.mail.transport import Transport
from streams.problems import UsageProblem

_HINT = "write maildir:DIR or smtp://user:password@host:port?tls=starttls (or implicit, or none)"
_PORTS = {"starttls": 587, "implicit": 465, "none": 25}  # RFC 8314 and RFC 5321


def open_transport(url: str, *, tls_context: ssl.SSLContext | None = None) -> Transport:
    """Return the transport behind a mail URL; no connection is made yet.

    Raises:
        streams.problems.UsageProblem: the URL cannot be understood. The password is never repeated.
        streams.problems.WorldProblem: the Maildir cannot be made.
    """
    scheme, _, rest = url.partition(":")
    match scheme.lower():
        case "maildir":
            return _maildir(rest)
        case "smtp":
            return SmtpTransport(parse_relay(url), tls_context=tls_context)
        case _:
            raise _wrong("it begins with neither maildir: nor smtp:")


def parse_relay(url: str) -> Relay:
    """Return the relay that an ``smtp://`` URL describes.

    Parameters of the query: ``tls``, ``connections`` (1 to 100), ``rate`` (messages per second). Without
    ``tls`` it is ``implicit`` on port 465, ``none`` on this machine, and ``starttls`` anywhere else: letters
    to customers do not cross a network in the clear unless someone says so.

    Raises:
        streams.problems.UsageProblem: the URL cannot be understood.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its text would repeat the URL, password included
        raise _wrong("host or port cannot be read") from None
    if not host or parts.path not in {"", "/"} or parts.fragment:
        raise _wrong("it needs a host, and no path", parts)
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in unquote(url)):
        raise _wrong("it contains spaces or control characters", parts)
    query = _query(parts, {"tls", "connections", "rate"})
    tls = query.get("tls") or _usual_tls(host, port)
    if tls not in get_args(Tls):
        raise _wrong("tls must be starttls, implicit or none", parts)
    if parts.password is not None and not parts.username:
        raise _wrong("it has a password but no user", parts)
    return Relay(
        host=host,
        port=port or _PORTS[tls],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
        tls=cast("Tls", tls),
        connections=int(_number(query.get("connections", "5"), 1, 100, "connections", parts)),
        rate=_number(query["rate"], 0.001, 100_000, "rate", parts) if "rate" in query else None,
    )


def _usual_tls(host: str, port: int | None) -> str:
    if port == 465:
        return "implicit"
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return "none" if is_here else "starttls"


def _maildir(rest: str) -> Transport:
    place, _, query = rest.partition("?")
    if query not in {"", "fsync=yes", "fsync=no"}:
        raise _wrong("a Maildir knows only ?fsync=yes or ?fsync=no")
    if not place.strip("/") or "\x00" in place:
        raise _wrong("it names no folder")
    if place.startswith("//"):  # maildir:///var/mail is what habit types; two slashes would be a host
        place = place[2:]
        if not place.startswith("/"):
            raise _wrong("a Maildir has no host")
    return MaildirTransport(Path(place), fsync=query == "fsync=yes")


def _query(parts: SplitResult, known: set[str]) -> dict[str, str]:
    try:
        given = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise _wrong("what stands after ? cannot be read", parts) from None
    if set(given) - known:  # not repeated: it may be the end of a password with a ? in it
        raise _wrong(f"a relay has no parameters but {', '.join(sorted(known))}", parts)
    return {name: values[-1] for name, values in given.items()}


def _number(text: str, low: float, high: float, name: str, parts: SplitResult) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not low <= number <= high:
        raise _wrong(f"{name} must be a number from {low} to {high}", parts)
    return number


def _wrong(why: str, parts: SplitResult | None = None) -> UsageProblem:
    where = f"smtp://{parts.hostname}" if parts is not None and parts.hostname else ""
    return UsageProblem("mail-url", "the mail URL cannot be understood", where=where, why=why, hint=_HINT)
