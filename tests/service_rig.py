"""A small deployment on a test's brokers: its settings, its topics, and its workers as processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aiokafka import TopicPartition

from streams.service.client import producer, reader
from streams.service.declare import create
from streams.service.topics import Topics, topics_of
from streams.settings import PREFIX, Secret, Settings, load

ROOT = Path(__file__).parents[1]
WITHIN = 120.0  # seconds; a few are usual
STOP_WITHIN = 12.0  # what an orchestrator gives us, and a little for its own clock


class Deployment:
    """Settings that a test and the processes it starts agree on; ``given`` is what differs from the defaults."""

    def __init__(self, broker, prefix: str, folder: Path, **given: object) -> None:
        self.folder = folder
        self.given: dict[str, object] = {
            "kafka": broker.bootstrap,
            "topic_prefix": prefix,
            "topics": f"{prefix}.orders=native,{prefix}.shipments=native",
            "partitions": 3,
            "data": folder / "data",
            **given,
        }

    @property
    def settings(self) -> Settings:
        """The settings as the program reads them."""
        return load({}, **self.given)

    @property
    def topics(self) -> Topics:
        """The topics of the deployment."""
        return topics_of(self.settings)

    def environ(self) -> Mapping[str, str]:
        """What a process of the deployment finds in its environment."""
        texts = {
            PREFIX + name.upper(): one.reveal() if isinstance(one, Secret) else str(one)
            for name, one in self.given.items()
        }
        kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
        return kept | texts | {"PYTHONPATH": str(ROOT)}

    def declare(self) -> None:
        """Make the topics, as ``firstword topics create`` does."""
        asyncio.run(create(self.settings))

    def worker(self, role: str, *arguments: str) -> WorkerProcess:
        """Start a worker of the deployment in a process of its own."""
        number = len(list(self.folder.glob(f"{role}-*.log")))
        log = self.folder / f"{role}-{number}.log"
        return WorkerProcess(["worker", role, *arguments], self.environ(), log)


class WorkerProcess:
    """A worker as an orchestrator sees it."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", *arguments],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def says(self, *words: str) -> bool:
        """True when some line of its log has all these words."""
        return any(all(word in line for word in words) for line in self.text().splitlines())

    def text(self) -> str:
        """Everything it has said."""
        return self.log.read_text("utf-8", "replace")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> tuple[int, float]:
        """Ask it to stop; return its exit code and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not stop:\n{self.text()[-4000:]}") from None
        return code, time.monotonic() - began

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process.poll() is None:
            self.kill()


@contextmanager
def closing() -> Iterator[ExitStack]:
    """A stack for workers, so that none outlives its test: ``stack.callback(worker.close)``."""
    with ExitStack() as stack:
        yield stack


async def put(settings: Settings, topic: str, values: list[tuple[int, bytes]]) -> None:
    """Write records, each into its partition, and wait until the broker has them."""
    sender = producer(settings, "test")
    await sender.start()
    try:
        sent = [await sender.send(topic, value, partition=partition) for partition, value in values]
        for one in sent:
            await one
    finally:
        await sender.stop()


async def records(settings: Settings, topic: str, partitions: int) -> list:
    """Every record of a topic, partition by partition."""
    source = reader(settings, "test-reader")
    await source.start()
    try:
        at = [TopicPartition(topic, partition) for partition in range(partitions)]
        source.assign(at)
        ends = await source.end_offsets(at)
        await source.seek_to_beginning(*at)
        found = []
        for one in at:
            while await source.position(one) < ends[one]:
                found += (await source.getmany(one, timeout_ms=200)).get(one, [])
        return found
    finally:
        await source.stop()
