"""How the desk proves itself to Shopify: with a token that lasts, or with one that is asked for every day.

An app of the Dev Dashboard has no lasting token: it has an id and a secret, and gets a token for 24 hours for them
(shopify.dev, "Using the client credentials grant").
"""

from __future__ import annotations

import threading
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from streams.outbound import Asker, NoReply, Reply

_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Silence(msgspec.Struct, frozen=True):
    """No answer that can be used; ``passes`` is false when somebody must set something right first."""

    why: str
    passes: bool = True


class _Granted(msgspec.Struct, frozen=True):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,500}$")]


class Access:
    """Keeps the token; safe to be used by several threads. ``secret`` is a token, or ``CLIENT_ID:CLIENT_SECRET``."""

    def __init__(self, shop: str, secret: str) -> None:
        self._address = f"{shop}/admin/oauth/access_token"
        self._id, self._is_granted, self._secret = secret.rpartition(":")
        self._token = None if self._is_granted else secret
        self._lock = threading.Lock()

    def token(self, asker: Asker) -> str | Silence:
        """Return the token, asking for one when there is none."""
        with self._lock:
            if self._token is not None:
                return self._token
            granted = self._ask(asker)
            if isinstance(granted, str):
                self._token = granted
            return granted

    def expire(self, token: str) -> bool:
        """Let go of a token that was not taken; false when no other can be had."""
        with self._lock:
            if self._is_granted and self._token == token:
                self._token = None
            return bool(self._is_granted)

    def _ask(self, asker: Asker) -> str | Silence:
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._id,
            "client_secret": self._secret,
        }
        answer = asker.ask("POST", self._address, headers=_FORM, body=urlencode(asked).encode())
        if isinstance(answer, NoReply):
            return Silence(f"no access token: {answer.why}")
        if not answer.good:
            return Silence(f"no access token: it answered with {answer.status}", passes=answer.status >= 500)
        return _read(answer)


def _read(answer: Reply) -> str | Silence:
    try:
        return msgspec.json.decode(answer.body, type=_Granted).access_token
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Silence("no access token: the answer has none")
