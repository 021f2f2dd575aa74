"""Asks another system over HTTP, and knows what it does not know.

A question that was never sent may be asked again. One that was sent and never answered may have been acted
upon: it is asked again only where that does no harm, which is for GET, and for whatever carries a key by
which the other side drops a second copy. Everything else ends as *no reply, and it was sent*; whoever asked
finds out by looking it up.

Sources: RFC 9110 9.2.2 (what may be repeated), 10.2.3 (Retry-After); RFC 6585 (429);
draft-ietf-httpapi-idempotency-key-header (the header, and 409 while the first copy is under way).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Literal

import msgspec
import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from streams.clock import stopwatch, wall_now

Method = Literal["GET", "POST", "PUT", "DELETE"]

KEY_HEADER: Final = "Idempotency-Key"
LARGEST_REPLY: Final = 5_000_000  # bytes; a label as PDF has a hundredth of it
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_TOO_MANY: Final = 429  # nothing was done
_UNDER_WAY: Final = 409
_PASSES: Final = frozenset({502, 503, 504})  # something may have been done
_NEVER_SENT: Final = (NewConnectionError, ConnectTimeoutError, NameResolutionError)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the other side said; ``headers`` have lower-case names."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def good(self) -> bool:
        """True for a status between 200 and 299."""
        return 200 <= self.status < 300


class NoReply(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody answered; ``sent`` is true when the question may have been acted upon."""

    why: str
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait, in seconds, and how often to ask.

    ``whole`` bounds all tries together with the pauses between them: whoever waits has other orders.
    """

    connect: float = 5.0
    reply: float = 20.0
    whole: float = 60.0
    tries: int = 3
    pause: float = 0.5  # before the second try; twice as long before each further one


class Asker:
    """Asks one system; safe to be used by several threads. Redirects are not followed: they could lead a secret astray."""

    def __init__(self, limits: Limits | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.limits = limits or Limits()
        self._sleep = sleep
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)

    def ask(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Reply | NoReply:
        """Ask, again where that can do no harm, and return the last answer.

        ``key`` is sent as Idempotency-Key and says that a second copy will be dropped.
        """
        sent_headers = {**headers, KEY_HEADER: key} if key is not None else dict(headers)
        repeatable = method == "GET" or key is not None
        end = stopwatch() + self.limits.whole
        pause = self.limits.pause
        ever_sent = False
        for further in range(self.limits.tries - 1, -1, -1):
            answer = self._once(method, url, sent_headers, body)
            ever_sent = ever_sent or isinstance(answer, Reply) or answer.sent
            wait = max(pause, _asked_to_wait(answer))
            worth_it = _worth_another(answer, repeatable=repeatable, keyed=key is not None)
            if not further or not worth_it or stopwatch() + wait > end:
                break
            self._sleep(wait)
            pause *= 2
        if isinstance(answer, NoReply):
            return NoReply(why=answer.why, sent=ever_sent)
        return answer

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()

    def _once(
        self, method: Method, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Reply | NoReply:
        timeout = urllib3.Timeout(connect=self.limits.connect, read=self.limits.reply)
        try:
            response = self._pool.request(
                method,
                url,
                body=body,
                headers=dict(headers),
                timeout=timeout,
                redirect=False,
                preload_content=False,
            )
            with response:
                return self._read(response)
        except HTTPError as error:
            return NoReply(why=_why(error), sent=not _never_sent(error))

    def _read(self, response: urllib3.BaseHTTPResponse) -> Reply | NoReply:
        """Read what came; the reply's time counts from its first byte, however slowly the rest drips in."""
        end = stopwatch() + self.limits.reply
        chunks: list[bytes] = []
        size = 0
        while chunk := response.read1(64 * 1024):  # whatever is there: waiting for more is not bounded
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_REPLY:
                return NoReply(why=f"the answer is longer than {LARGEST_REPLY} bytes", sent=True)
            if stopwatch() > end:
                return NoReply(why=f"the answer took longer than {self.limits.reply:g} seconds", sent=True)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status, body=b"".join(chunks), headers=headers)


def _worth_another(answer: Reply | NoReply, *, repeatable: bool, keyed: bool) -> bool:
    if isinstance(answer, NoReply):
        return repeatable or not answer.sent
    if answer.status == _UNDER_WAY:
        return keyed  # the first copy is still being worked on
    return answer.status == _TOO_MANY or (repeatable and answer.status in _PASSES)


def _asked_to_wait(answer: Reply | NoReply) -> float:
    """Return the seconds of a Retry-After, which is a number or a date; 0 without one."""
    said = "" if isinstance(answer, NoReply) else answer.headers.get("retry-after", "").strip()
    if said.isdigit():
        return float(said)
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (_aware(moment) - wall_now()).total_seconds())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _never_sent(error: HTTPError) -> bool:
    reason = getattr(error, "reason", None)
    return isinstance(error, _NEVER_SENT) or isinstance(reason, _NEVER_SENT)


def _why(error: HTTPError) -> str:
    """Return the sort of failure without the address, which may hold a secret."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
