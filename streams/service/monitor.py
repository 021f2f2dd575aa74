"""Serves what a worker knows about itself: ``/metrics``, ``/health/live`` and ``/health/ready``.

In a thread with a loop of its own: the answer "the worker is stuck" must come when its loop does not turn.
"""

from __future__ import annotations

import asyncio
import re
import threading
from types import TracebackType
from typing import Self

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from streams import telemetry
from streams.problems import UsageProblem, WorldProblem
from streams.service.collector import registry_of
from streams.service.vitals import Vitals
from streams.service.watchdog import Watchdog

METRICS_PATH, LIVE_PATH, READY_PATH = "/metrics", "/health/live", "/health/ready"
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]*):(?P<port>\d{1,5})")
_PATIENCE = 10.0  # seconds for the thread to begin or to end


class Monitor:
    """Answers at ``host:port`` from entering to leaving; without an address, nowhere."""

    def __init__(self, vitals: Vitals, watchdog: Watchdog, address: str | None) -> None:
        self._vitals = vitals
        self._watchdog = watchdog
        self._address = parse_address(address) if address is not None else None
        self._registry = registry_of(vitals, watchdog)
        self._begun = threading.Event()
        self._failure: Exception | None = None
        self.port = 0

    def __enter__(self) -> Self:
        """Open the port.

        Raises:
            WorldProblem: ``monitor-address-unavailable``.
        """
        if self._address is None:
            return self
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="monitor", daemon=True)
        self._thread.start()
        self._begun.wait(_PATIENCE)
        if isinstance(self._failure, OSError):
            raise _unavailable(*self._address, self._failure) from self._failure
        if self._failure is not None:
            raise self._failure
        telemetry.monitor_opened(role=self._vitals.role, host=self._address[0], port=self.port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._address is not None:
            self._loop.call_soon_threadsafe(self._over.set)
            self._thread.join(_PATIENCE)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._answer())
        except Exception as error:  # noqa: BLE001 - whoever waits for the port raises it
            self._failure = error
        finally:
            self._begun.set()
            self._loop.close()

    async def _answer(self) -> None:
        assert self._address is not None
        app = web.Application()
        app.router.add_get(METRICS_PATH, self._metrics)
        app.router.add_get(LIVE_PATH, self._live)
        app.router.add_get(READY_PATH, self._ready)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, *self._address)
            await site.start()
            self.port = runner.addresses[0][1]
            self._begun.set()
            await self._over.wait()
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _live(self, _request: web.Request) -> web.Response:
        why = self._watchdog.complaint()
        return _health(self._vitals.role, "alive", why)

    async def _ready(self, _request: web.Request) -> web.Response:
        why = self._watchdog.complaint()
        if why is None and not self._vitals.is_ready:
            why = "the worker is starting, stopping, or has been given nothing to do"
        return _health(self._vitals.role, "ready", why)


def parse_address(text: str) -> tuple[str, int]:
    """Read ``host:port``; without a host, this machine only.

    Raises:
        UsageProblem: ``monitor-address-wrong``.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise UsageProblem(
            "monitor-address-wrong",
            f"{text!r} is no address",
            where="FIRSTWORD_MONITOR",
            why="it is host:port, with a port up to 65535",
            hint="write :9100 for this machine only, or 0.0.0.0:9100 for every network it is in",
        )
    return match["host"].strip("[]") or "127.0.0.1", int(match["port"])


def _health(role: str, word: str, why: str | None) -> web.Response:
    said: dict[str, object] = {"role": role, word: why is None}
    if why is not None:
        said["why"] = why
    status = 200 if why is None else 503
    return web.json_response(said, status=status, headers={"Cache-Control": "no-store"})


def _unavailable(host: str, port: int, error: OSError) -> WorldProblem:
    return WorldProblem(
        "monitor-address-unavailable",
        f"metrics and health cannot be served at {host}:{port}",
        where="FIRSTWORD_MONITOR",
        why=error.strerror or str(error),
        hint="name a port that is free; every worker on a machine needs its own",
    )
