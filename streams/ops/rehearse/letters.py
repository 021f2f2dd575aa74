"""A letter as it would go out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.core.events import MessageQueued
from streams.ops.rehearse.story import Expected
from streams.pipeline.ports import RenderedMail


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A letter, rendered; ``mail`` is None where the words could not be filled in, and ``problem`` says why.

    ``at`` is on the customer's clock. ``subject`` is the one that the mail carries: that of the case's first mail.
    """

    message: MessageQueued
    at: datetime
    subject: str
    mail: RenderedMail | None
    problem: str = ""
    expected: Expected | None = None
    failures: tuple[str, ...] = ()

    @property
    def template(self) -> str:
        """Return the message folder that it was written from."""
        return self.message.template

    @property
    def attachment(self) -> str:
        """Return the name of the file that travels with it, or nothing."""
        letter = self.message.letter
        if letter is None or letter.label_id is None:
            return ""
        return f"return-label-{letter.label_tracking_number}.pdf"
