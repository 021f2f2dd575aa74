"""A small SMTP server that answers by script: every way a relay can let us down, over a real socket."""

import asyncio
from contextlib import asynccontextmanager, suppress

HANG_UP = "<hang up>"
SILENCE = "<silence>"  # take what was sent and never answer
HANG_UP_IN_CONTENT = "<hang up in content>"  # say 354, read a little, hang up
TAKE_AND_HANG_UP = "<take and hang up>"  # the mail is theirs, but we are not told


class ScriptedServer:
    """Answers well, except where ``script`` has lines left for a command (``CONNECT``, ``MAIL``, ..., ``DOT``).

    ``mailbox`` holds ``(return path, recipient, content)`` of what it took, dot-stuffing undone. ``offers`` is
    what it says to EHLO.
    """

    offers = "250 2.0.0 ok"

    def __init__(self, **script):
        self.script = {verb: list(replies) for verb, replies in script.items()}
        self.mailbox = []
        self.commands = []
        self.connections = 0
        self.port = 0
        self.silent = asyncio.Event()  # set when it has begun not to answer
        self._writers = set()

    def reply(self, verb, usual):
        left = self.script.get(verb)
        return left.pop(0) if left else usual

    async def talk(self, reader, writer):
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._dialogue(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _dialogue(self, reader, writer):
        if not await self._say(writer, self.reply("CONNECT", "220 test ready")):
            return
        sender = recipient = ""
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            verb = text.split(" ")[0].upper()
            self.commands.append(text)
            if verb == "DATA":
                if not await self._data(reader, writer, sender, recipient):
                    return
                sender = recipient = ""
                continue
            answer = self.reply(verb, self._usual(verb, sender))
            if verb in {"MAIL", "RCPT"}:
                taken = text.partition("<")[2].partition(">")[0] if answer.startswith("250") else ""
                sender, recipient = (taken, "") if verb == "MAIL" else (sender, taken)
            if not await self._say(writer, answer):
                return

    def _usual(self, verb, sender):
        if verb == "RCPT" and not sender:
            return "503 5.5.1 MAIL first"
        return {"QUIT": "221 bye", "EHLO": self.offers}.get(verb, "250 2.0.0 ok")

    async def _data(self, reader, writer, sender, recipient):
        invitation = self.reply("DATA", "354 go on" if recipient else "503 5.5.1 RCPT first")
        if invitation == HANG_UP_IN_CONTENT:
            await self._say(writer, "354 go on")
            await reader.read(1000)
            writer.transport.abort()
            return False
        if not await self._say(writer, invitation):
            return False
        if not invitation.startswith("354"):
            return True
        content = await self._content(reader)
        answer = self.reply("DOT", "250 2.0.0 queued as 4711")
        if answer == TAKE_AND_HANG_UP or answer.startswith("250"):
            self.mailbox.append((sender, recipient, content))
        return await self._say(writer, answer)

    async def _content(self, reader):
        content = bytearray()
        while not content.endswith(b"\r\n.\r\n"):
            chunk = await reader.read(1 << 16)
            if not chunk:
                raise asyncio.IncompleteReadError(bytes(content), None)
            content += chunk
        return bytes(content).removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")

    async def _say(self, writer, reply):
        if reply in {HANG_UP, TAKE_AND_HANG_UP}:
            return False
        if reply == SILENCE:
            self.silent.set()
            await asyncio.Event().wait()
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def scripted_server(**script):
    """Serve on a free port of this machine until the block ends."""
    scripted = ScriptedServer(**script)
    listening = await asyncio.start_server(scripted.talk, "127.0.0.1", 0, limit=1 << 20)
    scripted.port = listening.sockets[0].getsockname()[1]
    tasks_before = asyncio.all_tasks()
    try:
        yield scripted
    finally:
        listening.close()
        for task in asyncio.all_tasks() - tasks_before:
            if "ScriptedServer.talk" in repr(task.get_coro()):
                task.cancel()
        for writer in list(scripted._writers):
            writer.transport.abort()
        await asyncio.sleep(0)
