"""Mail into a Maildir: to try the product without a relay, and to look at what it would send.

The file is named after the message, so a second delivery finds the first one, and an interrupted one
leaves evidence.
"""

from __future__ import annotations

import os
from pathlib import Path

from streams.core.ids import id_token
from streams.mail.outcomes import Accepted, Delivery, Temporary, Withheld
from streams.mail.transport import BeforeDot, Envelope
from streams.problems import WorldProblem


class MaildirTransport:
    """Delivers into ``new/`` of a Maildir that any mail reader opens.

    ``fsync`` waits for the disk with every mail; without it, mails of the last seconds may be lost when
    the machine loses power.

    Raises:
        streams.problems.WorldProblem: the folder cannot be made.
    """

    concurrency = 1  # writing a file does not wait for anybody

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self.folder = folder
        self._fsync = fsync
        try:
            for name in ("tmp", "new", "cur"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorldProblem(
                "maildir",
                "the Maildir cannot be made",
                where=str(folder),
                why=error.strerror or str(error),
                hint="name a folder that this user may write to",
            ) from error

    def __repr__(self) -> str:
        """Name the folder."""
        return f"MaildirTransport({self.folder})"

    async def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Write the mail aside, then move it in; a mail that is there already is accepted as it is."""
        name = id_token(envelope.message_id)
        aside = self.folder / "tmp" / name
        try:
            self._write(aside, envelope.content)
        except OSError as error:
            return Temporary(text=f"the Maildir cannot be written: {error.strerror or error}")
        if not await before_dot():
            aside.unlink(missing_ok=True)
            return Withheld()
        try:
            self._move_in(aside, name)
        except OSError as error:
            return Temporary(text=f"the Maildir cannot be written: {error.strerror or error}")
        return Accepted(reply=f"250 2.0.0 stored as {name}")

    def evidence(self, message_id: str) -> bool:
        """Return whether the mail is there: unread in ``new/``, or in ``cur/`` with a reader's flags."""
        name = id_token(message_id)
        if (self.folder / "new" / name).exists():
            return True
        with os.scandir(self.folder / "cur") as seen:
            return any(entry.name.partition(":")[0] == name for entry in seen)

    async def close(self) -> None:
        """Nothing is held open."""

    def _write(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            # Mail on disk has this system's line ends: mailbox.Maildir and readers expect them so.
            file.write(content.replace(b"\r\n", b"\n"))
            if self._fsync:
                file.flush()
                os.fsync(file.fileno())

    def _move_in(self, aside: Path, name: str) -> None:
        target = self.folder / "new" / name
        aside.replace(target)
        if self._fsync:
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
