"""Workers as processes, the way an orchestrator runs them: started, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import msgspec

from streams.settings import FIELDS, Secret, Settings

ROOT = Path(__file__).resolve().parents[1]
LONG = os.environ.get("FIRSTWORD_TEST_FAULTS") == "long"  # `make faults`
WITHIN = 120  # seconds


def environment(settings: Settings) -> dict[str, str]:
    """The variables that say what these settings say; nothing of ours from outside."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FIRSTWORD_")}
    default = Settings()
    for name, field in FIELDS.items():
        value = getattr(settings, name)
        if value != getattr(default, name):
            kept[field.variable] = value.reveal() if isinstance(value, Secret) else str(value)
    return kept | {"PYTHONPATH": str(ROOT)}


class WorkerProcess:
    """One worker; what it says is in ``log``."""

    def __init__(self, role: str, settings: Settings, name: str = "") -> None:
        self.role = role
        self.settings = msgspec.structs.replace(settings, data=settings.data / (name or role))
        self.settings.data.mkdir(parents=True, exist_ok=True)
        self.log = settings.data / f"{name or role}.log"
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> WorkerProcess:
        """Start it, or start it again."""
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", self.role],
                env=environment(self.settings),
                cwd=self.settings.data,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was never started"
        return self._process

    def said(self, words: str) -> bool:
        """Whether the words stand in its log."""
        return words.encode() in self.log.read_bytes()

    def is_running(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL: no last words."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code; a worker that does not end within its ten seconds fails the test."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def keep_running(self) -> None:
        """Start it again when it has ended, as an orchestrator does."""
        if not self.is_running():
            self.start()

    def close(self) -> None:
        if self._process is not None and self.is_running():
            self.thaw()
            self.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error) -> None:
        self.close()


def wait_until(condition, *workers: WorkerProcess, seconds: float = WITHIN, restart: bool = False) -> None:
    """Wait for something that must come true; workers that end meanwhile are started again, or fail the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        for worker in workers:
            if restart:
                worker.keep_running()
            elif not worker.is_running():
                raise AssertionError(f"{worker.role} ended:\n{worker.log.read_text()[-3000:]}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {worker.role}\n{worker.log.read_text()[-2000:]}" for worker in workers)
            raise AssertionError(f"it did not come true in {seconds} s\n{logs}")
        time.sleep(0.1)
