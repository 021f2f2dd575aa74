"""The relay that takes every mail, and writes down for whom and when."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.benchmarks.sink import _Sink


class _NotingSink(_Sink):
    def __init__(self, told):
        self.told = told

    def data_received(self, data):
        """Note the moment at which a mail's dot is answered."""
        if not self.in_content and data[:9].upper() == b"RCPT TO:<":
            self.recipient = data[9 : data.index(b">")].decode()
        was_in_content = self.in_content
        super().data_received(data)
        if was_in_content and not self.in_content:
            self.told.write(f"{self.recipient} {time.time()}\n")


def _serve(listening, path):
    async def serve():
        with path.open("w", buffering=1) as told:
            server = await asyncio.get_running_loop().create_server(
                partial(_NotingSink, told), sock=listening
            )
            await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def noting_sink(path: Path) -> Iterator[int]:
    """Serve on a free port of this machine, and return the port; the file has a line for each mail."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening, path), daemon=True)
    process.start()
    try:
        yield listening.getsockname()[1]
    finally:
        process.terminate()
        process.join()
        listening.close()


def arrivals(path: Path) -> dict[str, float]:
    """Return when each recipient's first mail was taken."""
    found: dict[str, float] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        recipient, _, moment = line.partition(" ")
        found.setdefault(recipient, float(moment))
    return found
