"""Counts what a contestant has processed, and writes down when: the same stopwatch in every process."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


class Tally:
    """Takes the time at the first event and at the last of ``expected``; start-up and shutdown lie outside.

    ``done`` is called after the last one. CPU seconds are those of the whole process, its libraries'
    threads included, between the two moments.
    """

    def __init__(self, expected: int, done=lambda: None) -> None:
        self.expected = expected
        self.seen = 0
        self.decided = 0
        self._done = done
        self._first = self._last = (0.0, 0.0)

    def begin(self) -> None:
        """Reading begins: for a contestant whose first event is a whole fetch."""
        self._first = _now()

    def count(self, decided: int = 0) -> None:
        """One event has been processed, and so many decisions came of it."""
        self.more(1, decided)

    def more(self, events: int, decided: int = 0) -> None:
        """Several events have been processed."""
        if not self._first[0]:
            self._first = _now()
        self.seen += events
        self.decided += decided
        if self.seen == self.expected:
            self._last = _now()
            self._done()

    def write(self, path: Path) -> None:
        """Write the report; ``settled_seconds`` ends now, when outputs and state are safe."""
        wall, cpu = (end - begin for begin, end in zip(self._first, self._last, strict=True))
        report = {
            "events": self.seen,
            "decisions": self.decided,
            "seconds": wall,
            "cpu_seconds": cpu,
            "began_at": self._first[0],
            "settled_seconds": time.time() - self._first[0],
        }
        path.write_text(json.dumps(report), "utf-8")


def _now() -> tuple[float, float]:
    return time.time(), time.process_time()


def task() -> argparse.Namespace:
    """Return what a contestant is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True, help="what to read, from its beginning")
    parser.add_argument("--output", required=True, help="where decisions go")
    parser.add_argument("--group", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--events", type=int, required=True, help="how many there are")
    parser.add_argument("--folder", type=Path, required=True, help="for state, and for report.json")
    told = parser.parse_args()
    told.report = told.folder / "report.json"
    return told
