"""A mail server of one afternoon: takes every mail over real SMTP on this machine, and keeps it as a file."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

GREETING = "220 firstword demo mailbox"
LARGEST = 20 * 1024 * 1024  # bytes of one mail; ours have about 50 KB
_LINE = 4096  # bytes of one command line; RFC 5321 4.5.3.1.4 asks for 512
_PATH = re.compile(r"<([^<>]*)>")


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """One mail as it came: who it was for, and the file that holds it."""

    number: int
    sender: str
    recipient: str
    file: str


class Mailbox:
    """Listens on a free port of this machine while it is entered; ``taken`` grows with every mail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: list[Taken] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Port 0: the system picks one that is free.
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LARGEST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """Return the mail URL of this mailbox."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Dialogue(self, reader, writer).hold()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # the other side hung up, or sent a line without an end
        finally:
            writer.close()

    def keep(self, sender: str, recipient: str, content: bytes) -> Taken:
        """Write a mail down and return what is known of it."""
        number = len(self.taken) + 1
        file = f"{number:04d}.eml"
        (self.folder / file).write_bytes(content)
        taken = Taken(number=number, sender=sender, recipient=recipient, file=file)
        self.taken.append(taken)
        return taken


class _Dialogue:
    """One connection: commands in, replies out (RFC 5321)."""

    def __init__(self, mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mailbox = mailbox
        self._reader = reader
        self._writer = writer
        self._sender: str | None = None
        self._recipient: str | None = None

    async def hold(self) -> None:
        """Talk until the other side says QUIT or hangs up."""
        await self._say(GREETING)
        while line := await self._reader.readline():
            if len(line) > _LINE:
                await self._say("500 5.5.2 line too long")
                continue
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if not await self._answer(verb.upper(), rest):
                return

    async def _answer(self, verb: str, rest: str) -> bool:
        match verb:
            case "EHLO":
                await self._say("250-firstword demo mailbox", "250-8BITMIME", f"250 SIZE {LARGEST}")
            case "HELO" | "NOOP":
                await self._say("250 2.0.0 OK")
            case "RSET":
                self._sender = self._recipient = None
                await self._say("250 2.0.0 OK")
            case "MAIL":
                self._sender = _address(rest)
                await self._say("250 2.1.0 OK")
            case "RCPT":
                await self._take_recipient(rest)
            case "DATA":
                await self._take_content()
            case "QUIT":
                await self._say("221 2.0.0 goodbye")
                return False
            case _:
                await self._say("502 5.5.1 not spoken here")
        return True

    async def _take_recipient(self, rest: str) -> None:
        if self._sender is None:
            await self._say("503 5.5.1 MAIL first")
        elif self._recipient is not None:
            await self._say("452 4.5.3 one recipient each")
        else:
            self._recipient = _address(rest)
            await self._say("250 2.1.5 OK")

    async def _take_content(self) -> None:
        if self._sender is None or self._recipient is None:
            await self._say("503 5.5.1 RCPT first")
            return
        await self._say("354 end with a dot on a line of its own")
        raw = await self._reader.readuntil(b"\r\n.\r\n")
        content = raw[: -len(b".\r\n")]
        if content.startswith(b".."):
            content = content[1:]
        taken = self._mailbox.keep(self._sender, self._recipient, content.replace(b"\r\n..", b"\r\n."))
        self._sender = self._recipient = None
        await self._say(f"250 2.0.0 kept as {taken.file}")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode("ascii"))
        await self._writer.drain()


def _address(rest: str) -> str:
    found = _PATH.search(rest)
    return found[1] if found is not None else ""
