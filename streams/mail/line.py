"""The line to a relay: one command after the other, or several at once where the relay allows it.

Where it offers PIPELINING (RFC 2920; Postfix, Exim, Exchange and all the big relays do), MAIL, RCPT and DATA
go out together, and a mail waits for two answers instead of four. aiosmtplib drops an answer that comes
before it is asked for, so there a protocol of our own takes the connection over once it is open, secure and
logged in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol, cast

import aiosmtplib

Reply = aiosmtplib.SMTPResponse
_ANSWER_LIMIT = 32_768  # octets; the longest answer to a command has a few hundred


class Line(Protocol):
    """Commands and their answers.

    Whatever waits raises ``aiosmtplib.SMTPException``, ``OSError`` or ``TimeoutError`` when the line is dead.
    """

    @property
    def is_connected(self) -> bool:
        """Return whether it may be written to."""
        ...

    def announce(self, commands: Sequence[bytes]) -> None:
        """Say which commands come next, in this order."""
        ...

    async def reply_to(self, command: bytes) -> Reply:
        """Give the next of the announced commands, and return its answer."""
        ...

    async def settle(self) -> bool:
        """Wait for what was announced and is not answered; False when the relay now expects a mail."""
        ...

    async def ask(self, command: bytes, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - aiosmtplib's way
        """Give a command by itself; without ``timeout`` (seconds) it has that of the relay."""
        ...

    def write(self, content: bytes) -> None:
        """Write a mail's octets."""
        ...

    async def drain(self) -> None:
        """Wait until most of what was written is on its way."""
        ...

    async def final_reply(self, timeout: float) -> Reply:  # noqa: ASYNC109 - aiosmtplib's way
        """Return the answer to the final dot; ``timeout`` in seconds."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


def line_over(client: aiosmtplib.SMTP, timeout: float) -> Line:
    """Return the best line over an open connection; ``timeout`` is for each command, in seconds."""
    return PipelinedLine(client, timeout) if client.supports_extension("pipelining") else PlainLine(client)


class PlainLine:
    """One command at a time, by aiosmtplib."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client

    @property
    def is_connected(self) -> bool:
        """Return whether aiosmtplib thinks so."""
        return self._client.is_connected

    def announce(self, commands: Sequence[bytes]) -> None:
        """Nothing goes ahead."""

    async def reply_to(self, command: bytes) -> Reply:
        """Write it now."""
        return await self._client.execute_command(command)

    async def settle(self) -> bool:
        """Nothing went ahead."""
        return True

    async def ask(self, command: bytes, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - see Line
        """Write it now."""
        if timeout is None:
            return await self._client.execute_command(command)
        return await self._client.execute_command(command, timeout=timeout)

    def write(self, content: bytes) -> None:
        """Write through aiosmtplib's protocol."""
        self._protocol.write(content)

    async def drain(self) -> None:
        """Wait for the socket; public ways to do so need a StreamWriter, and aiosmtplib writes and hopes."""
        await self._protocol._drain_helper()  # noqa: SLF001 - see above; aiosmtplib is pinned below 6

    async def final_reply(self, timeout: float) -> Reply:  # noqa: ASYNC109 - see Line
        """Read through aiosmtplib's protocol."""
        return await self._protocol.read_response(timeout=timeout)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    @property
    def _protocol(self) -> aiosmtplib.protocol.SMTPProtocol:
        if self._client.protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("connection lost")
        return self._client.protocol


class PipelinedLine(asyncio.Protocol):
    """Commands together, and their answers in a row."""

    def __init__(self, client: aiosmtplib.SMTP, timeout: float) -> None:
        self._timeout = timeout
        self._transport = cast("asyncio.Transport", client.transport)
        self._rest = b""  # of a line that has not come to its end
        self._texts: list[bytes] = []  # of an answer that has not
        self._heard = 0  # octets of it
        self._replies: deque[Reply] = deque()
        self._owed = 0
        self._lost: Exception | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport.set_protocol(self)

    # ------------------------------------------------------------------------ the line

    @property
    def is_connected(self) -> bool:
        """Return whether nobody hung up, and nothing was said that nobody asked for."""
        return self._lost is None and not self._transport.is_closing()

    def announce(self, commands: Sequence[bytes]) -> None:
        """Write all of them."""
        for command in commands:
            if not command.isascii() or not command.decode("ascii").isprintable():
                raise ValueError("a command holds a control character")
        self._owed += len(commands)
        self.write(b"\r\n".join((*commands, b"")))

    async def reply_to(self, command: bytes) -> Reply:  # noqa: ARG002 - it is under way
        """Return the next answer."""
        return await self._next(self._timeout)

    async def settle(self) -> bool:
        """Read what is owed: DATA goes last, so 354 is its answer, and the relay would take a mail from nobody."""
        last = 0
        while self._owed:
            last = (await self._next(self._timeout)).code
        return last != 354

    async def ask(self, command: bytes, timeout: float | None = None) -> Reply:  # noqa: ASYNC109 - see Line
        """Write it and wait."""
        self.announce([command])
        return await self._next(self._timeout if timeout is None else timeout)

    def write(self, content: bytes) -> None:
        """Write to the socket, as far as it takes it now."""
        if not self.is_connected:
            raise self._lost or aiosmtplib.SMTPServerDisconnected("connection lost")
        self._transport.write(content)

    async def drain(self) -> None:
        """Wait until the socket takes more."""
        await self._may_write.wait()
        if self._lost is not None:
            raise self._lost

    async def final_reply(self, timeout: float) -> Reply:  # noqa: ASYNC109 - see Line
        """Wait for one answer."""
        self._owed += 1
        return await self._next(timeout)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    async def _next(self, seconds: float) -> Reply:
        async with asyncio.timeout(seconds):
            while not self._replies:
                if self._lost is not None:
                    raise self._lost
                self._waiting = asyncio.get_running_loop().create_future()
                await self._waiting
        self._owed -= 1
        return self._replies.popleft()

    # ------------------------------------------------------------------------ what asyncio tells

    def data_received(self, data: bytes) -> None:
        """Take lines; an answer ends with the first whose code no hyphen follows (RFC 5321 4.2.1)."""
        self._heard += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._texts.append(line[4:].strip())
            if line[3:4] != b"-":
                self._answered(line[:3])
        if self._heard > _ANSWER_LIMIT:
            self._lose("the relay talks without end")
        self._wake()

    def _answered(self, code: bytes) -> None:
        text = b"\n".join(self._texts).decode("utf-8", "surrogateescape")
        self._texts.clear()
        self._heard = 0
        if not code.isdigit():
            self._lose("the relay does not speak SMTP")
        elif len(self._replies) == self._owed:  # a 421 before it hangs up, or a mistake: nobody asked
            self._lose(f"the relay said {code.decode()} unasked")
        else:
            self._replies.append(Reply(int(code), text))

    def eof_received(self) -> bool:
        """Let the connection close: a relay that has ended its half will not answer."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._lose("connection lost" if exc is None else f"connection lost: {exc}")
        self._wake()

    def pause_writing(self) -> None:
        """Remember that the socket is full."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self._may_write.set()

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost = aiosmtplib.SMTPServerDisconnected(why)
        self._may_write.set()
        self._transport.close()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
