"""Asks a Karrio server, and sorts its answers: an answer, nothing there, a no, or silence.

Karrio knows no idempotency keys, so nothing that was sent and not answered is ever repeated here: whoever asked
looks up what is there.

Checked in the server's source (github.com/karrioapi/karrio, modules/core/.../exceptions.py, gateway.py): errors
are ``{"errors": [{code, message, details}]}``, a carrier's own words ``{"messages": [...]}`` with 424; 409 has the
code ``state_error``; codes with ``SHIPPING_SDK_`` are Karrio's own, and of these only the ones below are said before a
carrier is asked.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from streams.labels.karrio.parcel import ENCODER
from streams.outbound import Asker, Method, NoReply, Reply

_GONE: Final = 404
_TOO_MANY: Final = 429
_NOT_FOR_US: Final = frozenset({401, 402, 403, 405})
_PASSING: Final = frozenset({408, 425, _TOO_MANY})
_OURS: Final = "SHIPPING_SDK_"
_BEFORE_ASKING: Final = ("FIELD_ERROR", "NOT_SERVICED_ERROR", "NOT_SUPPORTED_ERROR")
_STATE: Final = "state_error"
_LONGEST: Final = 300  # characters of what the other side says

Shape = TypeVar("Shape")


class Gone(msgspec.Struct, frozen=True):
    """There is no such thing."""


class No(msgspec.Struct, frozen=True):
    """Refused, for a reason that stays; ``late`` when the shipment is no longer where it could be changed."""

    reason: str
    late: bool = False


class Silence(msgspec.Struct, frozen=True):
    """No answer: ``acted`` when it may have been acted upon, ``passes`` when trying again may help by itself."""

    why: str
    acted: bool = True
    passes: bool = True


class Message(msgspec.Struct, frozen=True):
    """What a carrier, or Karrio, says instead of an answer."""

    code: Any = None
    message: Any = None
    carrier_name: Any = None

    @property
    def words(self) -> str:
        """Return it as one line; empty when it says nothing."""
        parts = (self.carrier_name, self.message or self.code)
        return ": ".join(part for part in parts if isinstance(part, str) and part.strip())

    @property
    def is_certain(self) -> bool:
        """False when Karrio says that it failed itself: the carrier may have been asked, and may have answered."""
        code = str(self.code or "").upper()
        return _OURS not in code or code.endswith(_BEFORE_ASKING)


class _Erred(msgspec.Struct, frozen=True):
    errors: tuple[Message, ...] = ()
    messages: tuple[Message, ...] = ()


class _Token(msgspec.Struct, frozen=True):
    token: str


class Api:
    """One account at a Karrio server; safe to be used by several threads. ``url`` is the server's, without ``/v1``."""

    def __init__(self, url: str, key: str, *, asker: Asker | None = None) -> None:
        self._url = url.rstrip("/").removesuffix("/v1")
        self._proof = {"Authorization": f"Token {key}"}
        self._asker = asker or Asker()

    def ask(
        self, method: Method, path: str, shape: type[Shape], body: object = None
    ) -> Shape | Gone | No | Silence:
        """Return what the answer says; ``path`` begins with a slash."""
        headers = {**self._proof, "Content-Type": "application/json", "Accept": "application/json"}
        sent = None if body is None else ENCODER.encode(body)
        answer = self._asker.ask(method, self._url + path, headers=headers, body=sent)
        if isinstance(answer, NoReply):
            return Silence(answer.why, acted=answer.sent)
        return _read(answer, shape)

    def fetch(self, shipment_id: str, url: str) -> bytes | Silence:
        """Return a shipment's label; ``url`` is what Karrio calls its ``label_url``, always a path of its own.

        Servers differ: they take our key for the file, or a token for this one file (``POST /api/tokens``). The
        key goes nowhere else, whatever an answer says.
        """
        address = urljoin(f"{self._url}/", url)
        if urlsplit(address)[:2] != urlsplit(self._url)[:2]:
            return Silence("its label lies on another server", passes=False)
        answer = self._asker.ask("GET", address, headers=self._proof)
        if isinstance(answer, Reply) and answer.status in _NOT_FOR_US:
            answer = self._with_token(shipment_id, address) or answer
        if isinstance(answer, NoReply):
            return Silence(answer.why, acted=False)
        return answer.body if answer.good else Silence(f"the label was answered with {answer.status}")

    def _with_token(self, shipment_id: str, address: str) -> Reply | NoReply | None:
        wanted = {"resource_type": "shipment", "resource_ids": [shipment_id], "access": ["label"]}
        granted = self.ask("POST", "/api/tokens", _Token, {**wanted, "format": "pdf"})
        if not isinstance(granted, _Token):
            return None
        return self._asker.ask("GET", f"{address}?token={quote(granted.token, safe='')}")


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
    """Return a no only where Karrio or a carrier itself says so, in words."""
    why = f"it answered with {reply.status}"
    if reply.status >= 500 or reply.status in _PASSING:
        return Silence(why, acted=reply.status != _TOO_MANY)
    if reply.status in _NOT_FOR_US or reply.status < 400:
        return Silence(why, acted=False, passes=False)
    try:
        said = msgspec.json.decode(reply.body, type=_Erred)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Silence(why)
    each = said.errors + said.messages
    if not each or not all(one.is_certain for one in each):
        return Silence(why)
    reason = "; ".join(one.words for one in each if one.words) or why
    return No(reason[:_LONGEST], late=any(one.code == _STATE for one in each))
