"""The place where contestants run, one after the other: the broker, the topic they all read, room on the disk."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kafka import TopicPartition
from kafka.consumer import KafkaConsumer

from tests.benchmarks.peers.environment import ROOT
from tests.benchmarks.peers.result import Result
from tests.kafka_rig import Broker

PATIENCE = 1800  # seconds for one contestant; the slowest takes minutes, not half an hour
FOREVER = {"retention.ms": "-1"}  # the month is long past


class ContestError(Exception):
    """A contestant did not get through; its last words are in here."""


@dataclass
class Arena:
    """What all contestants share; ``events`` is how many records the topic holds."""

    broker: Broker
    topic: str
    partitions: int
    events: int
    folder: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def name(self, contestant: str) -> str:
        """Return a name for topics and groups that no other run has."""
        words = re.sub(r"[^a-z0-9]+", "-", contestant.lower())
        return f"{self.topic}-{words}-{next(self._numbers)}"

    def run_peer(self, contestant: str, command: list[str]) -> Result:
        """Run a peer's program, which takes the arguments of ``tally.task``, and return its report.

        Raises:
            ContestError: it failed or took too long.
        """
        name = self.name(contestant)
        folder = self.room(name)
        self.broker.create_topics({name: self.partitions}, config=FOREVER)
        told = {
            "bootstrap": self.broker.bootstrap,
            "topic": self.topic,
            "output": name,
            "group": name,
            "partitions": self.partitions,
            "events": self.events,
            "folder": folder,
        }
        arguments = [part for key, value in told.items() for part in (f"--{key}", str(value))]
        return self.run(contestant, [*command, *arguments], folder)

    def run(self, contestant: str, command: list[str], folder: Path) -> Result:
        """Run a program that leaves ``report.json`` in its folder.

        Raises:
            ContestError: it failed or took too long.
        """
        load, before = os.getloadavg()[0], self.broker_cpu()
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=environment()
            )
            try:
                code = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                process.kill()
                process.wait()
        if code != 0 or not (folder / "report.json").exists():
            raise ContestError(f"{contestant} ended with {code}:\n{last_words(folder / 'log')}")
        report = json.loads((folder / "report.json").read_text("utf-8"))
        del report["began_at"]
        return Result(
            name=contestant, load=load, broker_cpu_seconds=_spent(before, self.broker_cpu()), **report
        )

    def room(self, name: str) -> Path:
        """Return a new folder."""
        folder = self.folder / name
        folder.mkdir()
        return folder

    def broker_cpu(self) -> float | None:
        """Return the CPU seconds of the broker so far; None where the system or a remote broker does not tell."""
        return cpu_seconds(self.broker.pid) if self.broker.pid else None

    def ends(self, topic: str) -> dict[int, int]:
        """Return the offset behind the last record of each partition."""
        with reader(self.broker.bootstrap) as client:
            places = [TopicPartition(topic, number) for number in range(self.partitions)]
            return {place.partition: end for place, end in client.end_offsets(places).items()}


@contextmanager
def committed_to_end(broker: Broker, group: str, topic: str, partitions: int) -> Iterator[Callable[[], bool]]:
    """Give a question: has the group committed what the topic holds by now, to its end?"""
    with reader(broker.bootstrap, group) as client:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        ends = client.end_offsets(places)
        yield lambda: all((client.committed(place) or 0) >= ends[place] for place in places)


@contextmanager
def reader(bootstrap: str, group: str | None = None) -> Iterator[KafkaConsumer]:
    """Open a client that looks and takes nothing."""
    client = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    try:
        yield client
    finally:
        client.close()


def environment() -> dict[str, str]:
    """Return the variables of a contestant: the product on its path, none of our own settings from outside."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FIRSTWORD_")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def cpu_seconds(pid: int) -> float | None:
    """Return user and system seconds of a process, its threads included; None without ``/proc``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _spent(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def last_words(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text("utf-8", "replace")[-2000:].strip()


def ours(module: str) -> list[str]:
    """Return what starts a program of this folder in our own environment."""
    return [sys.executable, "-m", f"tests.benchmarks.peers.{module}"]
