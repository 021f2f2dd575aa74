"""A relay that takes every mail and remembers none, in a process of its own, so that only our side is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager


class _Sink(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.tail, self.in_content = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data):
        """Answer each command, and each mail at its dot."""
        if self.in_content:
            self.tail = (self.tail + data)[-5:] if len(data) < 5 else data[-5:]
            if self.tail == b"\r\n.\r\n":
                self.in_content = False
                self.transport.write(b"250 2.0.0 taken\r\n")
            return
        self.in_content = data == b"DATA\r\n"
        self.tail = b""
        self.transport.write(b"354 go on\r\n" if self.in_content else b"250 2.0.0 ok\r\n")


def _serve(listening):
    async def serve():
        server = await asyncio.get_running_loop().create_server(_Sink, sock=listening)
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def sink() -> Iterator[int]:
    """Serve on a free port of this machine, and return the port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening,), daemon=True)
    process.start()
    try:
        yield listening.getsockname()[1]
    finally:
        process.terminate()
        process.join()
        listening.close()
