"""Ends a process that no longer gets on: crash, never limp.

It lives in a thread of its own, for a loop that does not turn cannot look at itself.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Self

from streams import telemetry
from streams.clock import stopwatch
from streams.service.vitals import STUCK_AFTER, Vitals

INTERVAL = 1.0  # seconds between two looks, and between two turns of the loop that we ask for
LAST_WORDS = 5.0  # seconds in which /health/live says why, before the process ends
EXIT_CODE = 3
_LOGGED_WITHIN = 2.0  # seconds; a log that nobody reads must not keep the process alive
_ASLEEP = 5.0  # seconds without a look: then the whole process stood still, and not only the worker


class Watchdog:
    """Watches over one worker in the loop that it is entered in."""

    def __init__(
        self, vitals: Vitals, *, patience: float = STUCK_AFTER, last_words: float = LAST_WORDS
    ) -> None:
        self._vitals = vitals
        self._patience = patience
        self._last_words = last_words
        self._interval = min(INTERVAL, patience / 4)
        self._turned_at = self._looked_at = self._awake_since = stopwatch()
        self._ended = threading.Event()
        self._worker = threading.get_ident()

    async def __aenter__(self) -> Self:
        self._worker = threading.get_ident()
        self._turning = asyncio.create_task(self._turn())
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._turning.cancel()

    def loop_delay(self) -> float:
        """Return for how many seconds the loop has not turned."""
        return max(0.0, self._since(self._turned_at) - self._interval)

    def complaint(self) -> str | None:
        """Return why the process cannot go on, or None while it can."""
        if self.loop_delay() >= self._patience:
            return f"the event loop has not turned for {self.loop_delay():.0f} s"
        stuck = min(self._vitals.stuck_for(), self._since(self._awake_since))
        if stuck >= self._patience:
            return f"there has been work and no progress for {stuck:.0f} s"
        return None

    def _since(self, moment: float) -> float:
        return stopwatch() - max(moment, self._awake_since)

    async def _turn(self) -> None:
        while True:
            self._turned_at = stopwatch()
            await asyncio.sleep(self._interval)

    def _watch(self) -> None:
        complained_at = None
        while not self._ended.wait(self._interval):
            now = stopwatch()
            if now - self._looked_at > self._interval + _ASLEEP:
                self._awake_since = now
            self._looked_at = now
            why = self.complaint()
            if why is None:
                complained_at = None
            elif complained_at is None:
                complained_at = now
            elif now - complained_at >= self._last_words:
                self._end(why)

    def _end(self, why: str) -> None:
        telling = threading.Thread(target=self._tell, args=(why, self._place()), daemon=True)
        telling.start()
        telling.join(_LOGGED_WITHIN)
        os._exit(EXIT_CODE)

    def _tell(self, why: str, place: str) -> None:
        telemetry.worker_stuck(role=self._vitals.role, why=why, place=place)

    def _place(self) -> str:
        """Return where the worker's thread is: the innermost line of ours, and the innermost of all."""
        frame = sys._current_frames().get(self._worker)  # noqa: SLF001 - the documented way to look at a thread
        stack = traceback.extract_stack(frame) if frame is not None else []
        if not stack:
            return "nowhere"
        mark = f"{os.sep}streams{os.sep}"
        ours = [one for one in stack if mark in one.filename][-1:]
        return ", in ".join(
            dict.fromkeys(f"{_short(one.filename)}:{one.lineno} {one.name}" for one in (stack[-1], *ours))
        )


def _short(path: str) -> str:
    return str(Path(*Path(path).parts[-2:]))
