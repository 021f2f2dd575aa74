"""An HTTP server that does as it is told: answers, refuses, hangs, hangs up, drips, talks nonsense; and remembers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behavior = Callable[[BaseHTTPRequestHandler, Asked], None]


def reply(status: int = 200, body: bytes | dict[str, Any] = b"{}", **headers: str) -> Behavior:
    """Answer; a dict is written as JSON, ``Retry_After="1"`` as a header."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body

    def behave(handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def hang_up(handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
    """Take the request and close the line without a word."""
    handler.close_connection = True
    handler.connection.close()


def nonsense(handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
    """Answer something that is not HTTP."""
    handler.wfile.write(b"\x00\xff 200 maybe\r\n\r\n")
    handler.close_connection = True


def cut_short(handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
    """Promise more bytes than come."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"half":')
    handler.close_connection = True


@dataclass
class Server:
    """What is to be done with the next requests, in order; the last behavior stays. ``answer`` decides when nothing is left."""

    url: str = ""
    script: list[Behavior] = field(default_factory=list)
    answer: Behavior = field(default_factory=reply)
    asked: list[Asked] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, then: Behavior = hang_up) -> Behavior:
        """Say nothing until the test is over (or ``released`` is set), then do something."""

        def behave(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
            self.released.wait(timeout=60)
            with suppress(OSError):
                then(handler, asked)

        return behave

    def drip(self, body: bytes = b"x" * 50) -> Behavior:
        """Answer a byte at a time, until the other side has had enough."""

        def behave(handler: BaseHTTPRequestHandler, _asked: Asked) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            with suppress(OSError):
                for byte in body:
                    handler.wfile.write(bytes([byte]))
                    handler.wfile.flush()
                    if self.released.wait(timeout=0.1):
                        return

        return behave

    def take(self, asked: Asked) -> Behavior:
        with self._lock:
            self.asked.append(asked)
            return self.script.pop(0) if self.script else self.answer


@contextmanager
def http_server() -> Iterator[Server]:
    """Yield a server on a free port of this machine."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(method=self.command, path=self.path, headers=headers, body=self.rfile.read(length))
            with suppress(OSError):
                told.take(asked)(self, asked)

        do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_words: object) -> None:
            """A client that gave up is what the tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.released.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
