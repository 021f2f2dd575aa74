"""One worker as a process: watched, monitored, checked against the brokers, and over when it is over."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine

from streams import telemetry
from streams.clock import stopwatch
from streams.service.declare import check
from streams.service.monitor import Monitor
from streams.service.vitals import STUCK_AFTER, Vitals
from streams.service.watchdog import EXIT_CODE, Watchdog
from streams.service.worker import GRACE, Worker, run
from streams.settings import Settings

ENDS_WITHIN = GRACE + 5.0  # seconds: a worker that ignores even being cut off is ended with its process
_PARENT_LOOK = 0.5  # seconds between two looks at the parent
_REPEATED = 10.0  # seconds in which a library says the same thing once
_REMEMBERED = 1000  # things said: some libraries put what changes into the text itself


async def serve(
    make: Callable[[], Worker],
    settings: Settings,
    *,
    patience: float = STUCK_AFTER,
    on_ending: Callable[[], None] = lambda: None,
) -> None:
    """Run one worker until it is told to stop or dies; it starts once the brokers and their topics are as they must be.

    Raises:
        BaseException: what the worker died of, or why it could not start; the process is to end with it.
    """
    worker = make()
    async with Watchdog(worker.vitals, patience=patience) as watchdog:
        with Monitor(worker.vitals, watchdog, settings.monitor):
            try:
                if await _unless_told(check(settings, worker.vitals.role)):
                    await run(_Ending(worker, on_ending))
            finally:
                on_ending()


def end_within(seconds: float = ENDS_WITHIN) -> None:
    """End the process then, whatever still holds it: a thread, a connection, a task that does not let go."""
    ending = threading.Timer(seconds, os._exit, (EXIT_CODE,))
    ending.daemon = True
    ending.start()


def end_with(parent: int) -> None:
    """Stop in order when the process that started us is gone: nobody else would ever tell us to."""

    def watch() -> None:
        ticking = threading.Event()
        while os.getppid() == parent:
            ticking.wait(_PARENT_LOOK)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def hear_libraries() -> None:
    """Turn what libraries log from WARNING on into lines of ours: one JSON object each, like all others."""
    root = logging.getLogger()
    root.handlers[:] = [_LibraryLines(logging.WARNING)]
    logging.captureWarnings(capture=True)


class _Ending:
    """A worker that says when its end begins."""

    def __init__(self, worker: Worker, on_ending: Callable[[], None]) -> None:
        self._worker = worker
        self._on_ending = on_ending
        self.vitals: Vitals = worker.vitals
        self.start = worker.start
        self.crashed = worker.crashed

    async def stop(self) -> None:
        self._on_ending()
        await self._worker.stop()


async def _unless_told(work: Coroutine[object, object, None]) -> bool:
    """Do something that SIGTERM and SIGINT cut short; return whether it was done."""
    loop = asyncio.get_running_loop()
    doing = loop.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, doing.cancel)
    await asyncio.wait({doing})
    if doing.cancelled():
        telemetry.program_stopped(reason="told to stop", seconds=0.0)
        return False
    doing.result()
    return True


class _LibraryLines(logging.Handler):
    """Writes what a library says, each thing at most once in ten seconds."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, unless the same was said a moment ago."""
        key, now = (record.name, str(record.msg)), stopwatch()
        if now - self._said.get(key, -_REPEATED) < _REPEATED:
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[key] = now
        error = record.exc_info[1] if record.exc_info else None
        says = record.getMessage().partition("\n")[0]
        if error is not None:
            says += f" ({type(error).__name__}: {error})"
        telemetry.library_warned(library=record.name, says=says[:500])
