"""What we know of mails whose attempt broke off, until the ledger knows it too.

A ledger whose server is gone tells nobody what became of a mail, but whoever was there still knows: that
the final dot never went out, or what the relay answered. A process that dies takes this knowledge along,
and its mails are in doubt.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from streams.mail.ledger import Row, due_now

_AGAIN = timedelta(seconds=5)  # about the time in which a database comes back after a restart


class LooseEnds:
    """The messages of one sender that nobody may forget; gone when the process is."""

    def __init__(self) -> None:
        self._ends: dict[str, Row] = {}
        self._again: dict[str, datetime] = {}

    def note(self, row: Row) -> None:
        """Remember how the attempt ends if nothing more happens; still ``sending``: it was not sent."""
        self._ends[row.message_id] = row

    def forget(self, message_id: str) -> None:
        """Know nothing from here on: the final dot is about to go out."""
        self._ends.pop(message_id, None)

    def end_of(self, row: Row, now: datetime) -> Row | None:
        """Return what a row that is found in ``sending`` has to become, if we were there."""
        end = self._ends.get(row.message_id)
        if end is None or end.attempt != row.attempt:
            return None
        return due_now(end, "interrupted before it was sent", now) if end.state == "sending" else end

    def keep(self, message_id: str, now: datetime) -> None:
        """Keep a message in mind whose attempt broke off."""
        self._again[message_id] = now + _AGAIN

    def drop(self, message_id: str) -> None:
        """Forget a message: its attempt ended in order, or never began."""
        self._again.pop(message_id, None)
        self._ends.pop(message_id, None)

    def due(self, now: datetime) -> list[str]:
        """Return the messages to look at again."""
        return [message_id for message_id, at in self._again.items() if at <= now]

    def next_due(self) -> datetime | None:
        """Return when to look at one again."""
        return min(self._again.values(), default=None)
