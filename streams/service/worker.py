"""One worker process: start it, let it run, end it within ten seconds; crash, never limp."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Protocol

from streams import telemetry
from streams.clock import stopwatch
from streams.service.vitals import Vitals

GRACE = 10.0  # seconds for what is begun; orchestrators kill after 10 (docker stop) or 30 (Kubernetes)


class Worker(Protocol):
    """Ingest, fold or effects."""

    vitals: Vitals

    async def start(self) -> None:
        """Connect and begin.

        Raises:
            streams.problems.Problem: a broker, the database or a file is not as it must be.
        """
        ...

    async def crashed(self) -> BaseException:
        """Return, when it comes to that, what the worker died of."""
        ...

    async def stop(self) -> None:
        """Finish what is begun and let go."""
        ...


async def guard(chore: Awaitable[None], fail: Callable[[BaseException], None]) -> None:
    """Let a chore that fails end its worker."""
    try:
        await chore
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, the worker must not go on without its chore
        fail(error)


async def run(worker: Worker, *, on_started: Callable[[], None] = lambda: None) -> None:
    """Run a worker until SIGTERM or SIGINT, or until it dies.

    Raises:
        BaseException: what the worker died of; the process is to end with it.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    began = stopwatch()
    await worker.start()
    on_started()
    told = asyncio.create_task(stopped.wait())
    died = asyncio.create_task(worker.crashed())
    try:
        await asyncio.wait({told, died}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        died.cancel()
        try:
            await asyncio.wait_for(worker.stop(), GRACE)
        except TimeoutError:
            telemetry.worker_cut_off(role=worker.vitals.role, seconds=GRACE)
    if died.done() and not died.cancelled():
        raise died.result()
    telemetry.program_stopped(reason="told to stop", seconds=round(stopwatch() - began, 3))
