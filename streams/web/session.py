"""Who somebody is, in a cookie that only this console can have written; it knows no name outside the house."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

Role = Literal["reader", "operator", "approver"]
RANKS: Final[dict[str, int]] = {"reader": 1, "operator": 2, "approver": 3}
COOKIE: Final = "firstword_console"
LASTS: Final = timedelta(hours=12)  # a long working day: nobody is signed out in the middle of one
_STRANGER_LASTS: Final = timedelta(hours=1)  # a sign-in page may stay open that long
_DIGEST = 32  # bytes


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody at the door (``role`` is None) or inside; ``nonce`` makes every visit its own."""

    name: str = ""
    role: Role | None = None
    nonce: str
    until: datetime

    def may(self, role: Role) -> bool:
        """Return whether this visitor may do what ``role`` may do; an approver may do everything."""
        return self.role is not None and RANKS[self.role] >= RANKS[role]


class Seal:
    """Signs cookies and forms. A new key, which new tokens are, signs everybody out."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.blake2b(key, digest_size=_DIGEST, person=b"fw-console").digest()

    def stranger(self, now: datetime) -> Visitor:
        """Return a new visitor who has not said who they are."""
        return Visitor(nonce=secrets.token_urlsafe(18), until=now + _STRANGER_LASTS)

    def welcome(self, name: str, role: Role, now: datetime) -> Visitor:
        """Return a new visitor who has; the old nonce is worth nothing from here on."""
        return Visitor(name=name, role=role, nonce=secrets.token_urlsafe(18), until=now + LASTS)

    def close(self, visitor: Visitor) -> str:
        """Return the visitor as a cookie's value."""
        body = msgspec.msgpack.encode(visitor)
        return urlsafe_b64encode(self._sign(b"visitor", body) + body).decode()

    def open(self, cookie: str, now: datetime) -> Visitor | None:
        """Return who a cookie says, or None where nobody of ours wrote it or its time is over."""
        try:
            whole = urlsafe_b64decode(cookie.encode())
            signature, body = whole[:_DIGEST], whole[_DIGEST:]
            if not hmac.compare_digest(signature, self._sign(b"visitor", body)):
                return None
            visitor = msgspec.msgpack.decode(body, type=Visitor)
        except (ValueError, msgspec.MsgspecError):
            return None
        return visitor if visitor.until > now else None

    def form_token(self, visitor: Visitor) -> str:
        """Return what every form of this visit carries, and nobody else can know."""
        return urlsafe_b64encode(self._sign(b"form", f"{visitor.nonce}\0{visitor.name}".encode())).decode()

    def is_form_token(self, visitor: Visitor, given: str) -> bool:
        """Return whether a form was ours, and of this visit."""
        return hmac.compare_digest(self.form_token(visitor).encode(), given.encode("utf-8", "replace"))

    def _sign(self, what: bytes, body: bytes) -> bytes:
        return hmac.digest(self._key, what + b"\0" + body, "sha256")
