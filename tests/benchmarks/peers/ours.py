"""Our own contestants: end to end, and each worker alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests.benchmarks.peers.arena import Arena
from tests.benchmarks.peers.deployment import Deployment
from tests.benchmarks.peers.result import Result
from tests.benchmarks.peers.workers import until

END_TO_END = "ours, end to end"
INGEST = "ours, ingest alone"
LIVE_INGEST = "ours, live ingest alone"
FOLD = "ours, fold alone"
TWO_FOLDS = "ours, two folds"


def end_to_end(arena: Arena) -> Iterator[Result]:
    """Raw JSON to decisions, ingest and fold at work at once, each in its process."""
    deployment = Deployment(arena)
    load, broker = os.getloadavg()[0], arena.broker_cpu()
    with deployment.workers("ingest", "fold") as running, deployment.has_read_everything() as is_read:
        until(is_read, running)
        blocks = deployment.blocks()
        until(lambda: running[1].blocks >= blocks, running)
        yield deployment.result(END_TO_END, running, load, broker)


def apart(arena: Arena) -> Iterator[Result]:
    """Ingest alone, then one fold alone over what it wrote, then two folds over a copy of that."""
    yield _ingest(LIVE_INGEST, Deployment(arena, "wall"))
    deployment = Deployment(arena)
    yield _ingest(INGEST, deployment)
    blocks = deployment.blocks()
    load, broker = os.getloadavg()[0], arena.broker_cpu()
    with deployment.workers("fold") as running:
        until(lambda: running[0].blocks >= blocks, running)
        yield deployment.result(FOLD, running, load, broker)
    yield _two_folds(arena, deployment, blocks)


def _ingest(name: str, deployment: Deployment) -> Result:
    load, broker = os.getloadavg()[0], deployment.arena.broker_cpu()
    with deployment.workers("ingest") as running, deployment.has_read_everything() as is_read:
        until(is_read, running)
        return deployment.result(name, running, load, broker)


def _two_folds(arena: Arena, written: Deployment, blocks: int) -> Result:
    """Start both before there is anything to fold: else the first would take it all."""
    deployment = Deployment(arena)
    load = os.getloadavg()[0]
    with deployment.workers("fold", "fold") as running:
        until(lambda: all(one.looks and one.looks[-1].partitions for one in running), running)
        broker = arena.broker_cpu()
        deployment.copy_journal_from(written)
        until(lambda: sum(one.blocks for one in running) >= blocks, running)
        return deployment.result(TWO_FOLDS, running, load, broker)
