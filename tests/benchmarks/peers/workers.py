"""Our own workers as they are deployed: ``python -m streams worker ROLE``, watched by their metrics."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.peers.arena import ContestError, environment, last_words
from tests.benchmarks.peers.environment import ROOT
from tests.kafka_rig import free_ports

LOOK = 0.1  # seconds between two looks: what our times are too long by, at most, at each end
PATIENCE = 600  # seconds until all is done
_STOPS_WITHIN = 20  # seconds
_NUMBER = re.compile(r"^(?P<name>[a-z_]+)(?:\{[^}]*\})? (?P<number>[0-9.e+-]+)$", re.MULTILINE)


class Look(NamedTuple):
    """What a worker had done by then; ``blocks`` are those that the broker has acknowledged."""

    at: float
    blocks: float
    cpu_seconds: float
    partitions: float


class Span(NamedTuple):
    """From the first block to the last."""

    began: float
    ended: float
    cpu_seconds: float


class Worker:
    """One process of ours; ``blocks_of`` counts its blocks where its own metrics do not: ingest's, in the journal."""

    def __init__(
        self,
        role: str,
        settings: Mapping[str, str],
        folder: Path,
        blocks_of: Callable[[], float] | None = None,
    ) -> None:
        (port,) = free_ports(1)
        self.role = role
        self._blocks_of = blocks_of
        self.looks: list[Look] = []
        self._port = port
        self._log = folder / f"{role}-{port}.log"
        variables = {**environment(), **settings, "FIRSTWORD_MONITOR": f"127.0.0.1:{port}"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", role],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=variables,
            )

    def look(self) -> Look | None:
        """Ask it once; None while it does not answer yet.

        Raises:
            ContestError: it is dead.
        """
        if self._process.poll() is not None:
            raise ContestError(f"{self.role} ended with {self._process.returncode}:\n{last_words(self._log)}")
        numbers = self._metrics()
        if numbers is None:
            return None
        found = Look(
            time.time(),
            self._blocks_of() if self._blocks_of else numbers.get("firstword_blocks_total", 0.0),
            numbers.get("process_cpu_seconds_total", 0.0),
            numbers.get("firstword_partitions", 0.0),
        )
        self.looks.append(found)
        return found

    @property
    def blocks(self) -> float:
        """Blocks done by the last look."""
        return self.looks[-1].blocks if self.looks else 0.0

    def span(self) -> Span:
        """Return when it worked: from the last look without a block to the first with all of them."""
        before = max((place for place, look in enumerate(self.looks) if not look.blocks), default=0)
        after = next(place for place, look in enumerate(self.looks) if look.blocks == self.blocks)
        began, ended = self.looks[before], self.looks[after]
        return Span(began.at, ended.at, ended.cpu_seconds - began.cpu_seconds)

    def stop(self) -> None:
        """End it in order, or else at once."""
        self._process.terminate()
        try:
            self._process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _metrics(self) -> dict[str, float] | None:
        """Return each metric's sum over its labels."""
        numbers: dict[str, float] = {}
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            for match in _NUMBER.finditer(text):
                numbers[match["name"]] = numbers.get(match["name"], 0.0) + float(match["number"])
        return numbers or None


@contextmanager
def workers(
    roles: Sequence[str],
    settings: Mapping[str, str],
    folder: Path,
    journaled: Callable[[], float] | None = None,
) -> Iterator[list[Worker]]:
    """Run one process per role for the block; ``journaled`` counts the blocks that ingest has written."""
    running: list[Worker] = []
    try:
        running.extend(
            Worker(role, settings, folder, journaled if role == "ingest" else None) for role in roles
        )
        yield running
    finally:
        for worker in running:
            worker.stop()


def until(is_done: Callable[[], bool], running: Sequence[Worker]) -> None:
    """Look at the workers until all is done.

    Raises:
        ContestError: a worker died, or it took too long.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        for worker in running:
            worker.look()
        if is_done():
            return
        if time.monotonic() > deadline:
            done = ", ".join(f"{worker.role} {worker.blocks:.0f} blocks" for worker in running)
            raise ContestError(f"not done within {PATIENCE} s: {done}")
        time.sleep(LOOK)


def command(settings: Mapping[str, str], *arguments: str) -> None:
    """Run a command of the product.

    Raises:
        ContestError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        cwd=ROOT,
        env={**environment(), **settings},
    )
    if done.returncode:
        raise ContestError(f"{' '.join(arguments)}: {(done.stdout + done.stderr)[-2000:]}")
