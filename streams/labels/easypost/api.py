"""Asks EasyPost's API, and sorts its answers: an answer, nothing there, a no, or silence.

EasyPost knows no idempotency keys, so nothing that was sent and not answered is ever repeated here: whoever
asked looks up what is there.

Sources: EasyPost documentation, "Authentication" (the key is the user of Basic), "Errors" (a body with ``error.code``),
"List of Error Codes".
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from streams.labels.easypost.parcel import ENCODER
from streams.outbound import Asker, Method, NoReply, Reply

USUAL: Final = "https://api.easypost.com/v2"
_GONE: Final = 404
_NOT_FOR_US: Final = frozenset({401, 402, 403})  # a wrong key, or an empty wallet: no word on this parcel
_PASSING: Final = frozenset({408, 409, 425, 429})
# Said with 422, and yet no refusal: postage may have been bought.
_UNDECIDED: Final = frozenset(
    {
        "SHIPMENT.POSTAGE.EXISTS",
        "SHIPMENT.POSTAGE.NO_RESPONSE",
        "SHIPMENT.POSTAGE.TIMED_OUT",
        "SHIPMENT.PURCHASE.IN_PROGRESS",
    }
)
_LONGEST: Final = 300  # characters of what the other side says

Shape = TypeVar("Shape")


class Gone(msgspec.Struct, frozen=True):
    """There is no such thing."""


class No(msgspec.Struct, frozen=True):
    """EasyPost refuses, for a reason that stays."""

    reason: str


class Silence(msgspec.Struct, frozen=True):
    """No answer: ``acted`` when it may have been acted upon, ``passes`` when trying again may help by itself."""

    why: str
    acted: bool = True
    passes: bool = True


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: Any = None


class _Erred(msgspec.Struct, frozen=True):
    error: _Error


class Api:
    """One account at EasyPost; safe to be used by several threads."""

    def __init__(self, url: str, key: str, *, asker: Asker | None = None) -> None:
        self._url = url.rstrip("/")
        self._proof = f"Basic {b64encode(f'{key}:'.encode()).decode()}"
        self._asker = asker or Asker()

    def ask(
        self, method: Method, path: str, shape: type[Shape], body: object = None
    ) -> Shape | Gone | No | Silence:
        """Return what the answer says; ``path`` begins with a slash."""
        headers = {"Authorization": self._proof, "Content-Type": "application/json"}
        sent = None if body is None else ENCODER.encode(body)
        answer = self._asker.ask(method, self._url + path, headers=headers, body=sent)
        if isinstance(answer, NoReply):
            return Silence(answer.why, acted=answer.sent)
        return _read(answer, shape)

    def fetch(self, url: str) -> bytes | Silence:
        """Return a file; our key stays at home, since files lie on another host.

        Only over https, or from where the API itself is.
        """
        here, there = urlsplit(self._url), urlsplit(url)
        if there.scheme != "https" and (there.scheme, there.netloc) != (here.scheme, here.netloc):
            return Silence("its file lies at an unprotected address", passes=False)
        answer = self._asker.ask("GET", url)
        if isinstance(answer, NoReply):
            return Silence(answer.why, acted=False)
        if not answer.good:
            return Silence(f"its file was answered with {answer.status}")
        return answer.body


def _read(reply: Reply, shape: type[Shape]) -> Shape | Gone | No | Silence:
    if reply.status == _GONE:
        return Gone()
    if not reply.good:
        return _erred(reply)
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Silence("its answer cannot be understood")


def _erred(reply: Reply) -> No | Silence:
    """Return a no only where EasyPost itself says so, with one of its codes."""
    why = f"it answered with {reply.status}"
    if reply.status >= 500 or reply.status in _PASSING:
        return Silence(why, acted=reply.status != 429)
    if reply.status in _NOT_FOR_US or reply.status < 400:
        return Silence(why, acted=False, passes=False)
    try:
        error = msgspec.json.decode(reply.body, type=_Erred).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Silence(why)
    if error.code in _UNDECIDED:
        return Silence(f"it answered with {error.code}")
    words = f": {error.message}" if isinstance(error.message, str) else ""
    return No(f"{error.code}{words}"[:_LONGEST])
