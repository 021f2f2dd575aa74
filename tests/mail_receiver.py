"""A real SMTP server in a thread of its own: it outlives whoever talks to it, and keeps every mail it took."""

import asyncio
import threading
from contextlib import suppress

_LARGEST = 16 * 1024 * 1024


class MailReceiver:
    """Says yes to everything; ``mailbox`` holds the raw contents in the order in which they were taken.

    A mail is taken when its final dot has been read, as RFC 5321 has it, whoever hears the answer.
    """

    def __init__(self, *, pause_after_dot=0.0):
        self.mailbox = []
        self.port = 0
        self._pause = pause_after_dot
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._talks = set()

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._talk, "127.0.0.1", 0, limit=_LARGEST)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _stop(self):
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader, writer):
        self._talks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._dialogue(reader, writer)
        self._talks.discard(asyncio.current_task())
        writer.close()

    async def _dialogue(self, reader, writer):
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                content = await reader.readuntil(b"\r\n.\r\n")
                self.mailbox.append(content[:-3].replace(b"\r\n..", b"\r\n."))
                await asyncio.sleep(self._pause)
                writer.write(b"250 2.0.0 taken\r\n")
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()
