"""The way out, as a protocol: a relay over SMTP, or a Maildir; the sender does not know which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from streams.mail.outcomes import Delivery

BeforeDot = Callable[[], Awaitable[bool]]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One composed mail and where it goes; ``sender`` is the return path."""

    message_id: str
    sender: str
    recipient: str
    content: bytes


class Transport(Protocol):
    """Hands mails over, one recipient each."""

    concurrency: int

    async def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Hand one mail over and return what came of it; never raises for what the other side does.

        ``before_dot`` is awaited once, after the other side agreed to take this recipient's mail and
        before the act that makes it theirs; when it returns False, that act does not happen.
        """
        ...

    def evidence(self, message_id: str) -> bool | None:
        """Return whether an earlier, interrupted delivery happened; None where nobody can know."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
