"""Our own service on the arena's broker: its settings, its topics, and how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from aiokafka import TopicPartition as Place
from kafka import TopicPartition

from streams.service.client import producer
from streams.service.client import reader as block_reader
from streams.settings import load
from tests.benchmarks.peers import workers
from tests.benchmarks.peers.arena import Arena, committed_to_end, reader
from tests.benchmarks.peers.result import Result
from tests.benchmarks.peers.workers import Worker


class Deployment:
    """One deployment with its own topics and groups, so that each starts from nothing."""

    def __init__(self, arena: Arena, clock: str = "history") -> None:
        self.arena = arena
        self.prefix = arena.name("ours")
        self.folder: Path = arena.room(self.prefix)
        self.settings = {
            "FIRSTWORD_KAFKA": arena.broker.bootstrap,
            "FIRSTWORD_TOPICS": f"{arena.topic}=native",
            "FIRSTWORD_TOPIC_PREFIX": self.prefix,
            "FIRSTWORD_PARTITIONS": str(arena.partitions),
            "FIRSTWORD_CLOCK": clock,  # history: the moment of judgment is the record's, as in the peers
            "FIRSTWORD_DATA": str(self.folder / "data"),
            "FIRSTWORD_LOG_LEVEL": "WARN",
        }
        workers.command(self.settings, "topics", "create")

    @property
    def journal(self) -> str:
        """The topic of blocks."""
        return f"{self.prefix}.journal"

    @contextmanager
    def workers(self, *roles: str) -> Iterator[list[Worker]]:
        """Run a process per role for the block."""
        with reader(self.arena.broker.bootstrap) as client:
            places = [TopicPartition(self.journal, number) for number in range(self.arena.partitions)]

            def journaled() -> float:
                return float(sum(client.end_offsets(places).values()))

            with workers.workers(roles, self.settings, self.folder, journaled) as running:
                yield running

    def has_read_everything(self) -> AbstractContextManager[Callable[[], bool]]:
        """Give a question: is the raw topic committed to its end by ingest? Its blocks are in the journal then."""
        arena = self.arena
        return committed_to_end(arena.broker, f"{self.prefix}-ingest", arena.topic, arena.partitions)

    def blocks(self) -> int:
        """Return how many blocks the journal has."""
        return sum(self.arena.ends(self.journal).values())

    def decisions(self) -> int:
        """Return how many decisions have been published."""
        return sum(self.arena.ends(f"{self.prefix}.decisions").values())

    def result(self, name: str, running: list[Worker], load: float, broker_cpu: float | None) -> Result:
        """Return what the workers did together: from the first block of any to the last of any."""
        spans = [worker.span() for worker in running]
        seconds = max(span.ended for span in spans) - min(span.began for span in spans)
        after = self.arena.broker_cpu()
        return Result(
            name=name,
            events=self.arena.events,
            seconds=seconds,
            cpu_seconds=sum(span.cpu_seconds for span in spans),
            settled_seconds=seconds,
            decisions=self.decisions(),
            broker_cpu_seconds=None if broker_cpu is None or after is None else after - broker_cpu,
            load=load,
        )

    def copy_journal_from(self, other: Deployment) -> None:
        """Write another deployment's blocks into this one's journal, as fast as the broker takes them."""
        asyncio.run(self._copy(other))

    async def _copy(self, other: Deployment) -> None:
        settings = load(self.settings)
        source, target = block_reader(settings, "copy"), producer(settings, "copy")
        ends = self.arena.ends(other.journal)
        await source.start()
        await target.start()
        try:
            source.assign([Place(other.journal, partition) for partition in ends])
            await source.seek_to_beginning()
            left, blocks = sum(ends.values()), []
            while left:
                for records in (await source.getmany(timeout_ms=1000)).values():
                    blocks += [(record.partition, record.value) for record in records]
                    left -= len(records)
            for partition, block in blocks:
                await target.send(self.journal, block, partition=partition)
            await target.flush()
        finally:
            await source.stop()
            await target.stop()
