"""A simulated fortnight that was run, as one journal and cut into partitions; and how tests replay it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from streams.codec.blocks import Entry, decode_entries, encode_block
from streams.core.policy import Policy
from streams.ops.history import Batch, Decided, Extent, History
from streams.ops.log_file import JournalFile
from streams.ops.replay.crew import Stop
from streams.ops.replay.shadow import Shadow, shadow
from streams.ops.replay.today import todays_policy
from streams.ops.replay.travel import Route
from streams.ops.stretch import Stretch
from streams.pipeline.processor import TICK_ORDER
from streams.service.partition import partition_of
from streams.settings import load
from streams.simulate.plan import Plan
from streams.simulate.shop import write
from tests.embedded_runs import Ran, run_history

PLAN = Plan(orders=900, days=14, seed=11)
_BLOCK = 64  # events


@cache
def fortnight(folder: Path) -> Ran:
    """The simulated shop, run to its end."""
    shop = write(PLAN, folder / "shop")
    return run_history(folder / "run", f"native={shop.events}", until=PLAN.until)


def journal_of(ran: Ran) -> JournalFile:
    """The history that a run left."""
    return JournalFile(ran.data / "journal.sqlite")


def policy_with(**overrides: str) -> Policy:
    """The standard policy, with dots in names written as two underscores."""
    return todays_policy(load({}), {name.replace("__", "."): value for name, value in overrides.items()})[0]


class Cut:
    """A journal cut into partitions as the service would have kept it: each has every tick, and its orders' decisions."""

    def __init__(self, ran: Ran, count: int, size: int = _BLOCK) -> None:
        self.name = f"{ran.data} in {count}"
        self.decisions: list[list[Decided]] = [[] for _ in range(count)]
        for one in journal_of(ran).decided(0):
            self.decisions[partition_of(one.order_id, count)].append(one)
        parts: list[list[Entry]] = [[] for _ in range(count)]
        for entry in entries_of(ran):
            for part in range(count):
                if entry.order_id == TICK_ORDER or partition_of(entry.order_id, count) == part:
                    parts[part].append(entry)
        self.blocks = [
            [encode_block(part[at : at + size]) for at in range(0, len(part), size)] for part in parts
        ]

    def extents(self) -> Sequence[Extent]:
        return [Extent(partition=at, first=0, end=len(blocks)) for at, blocks in enumerate(self.blocks)]

    def batches(self, partition: int, *, start: int | None = None) -> Iterator[Batch]:
        for position, block in enumerate(self.blocks[partition]):
            if position >= (start or 0):
                yield Batch(partition, position, block)

    def decided(self, partition: int) -> Iterator[Decided]:
        yield from self.decisions[partition]

    def close(self) -> None:
        pass


def entries_of(ran: Ran) -> list[Entry]:
    """Everything in a run's journal."""
    database = sqlite3.connect(ran.data / "journal.sqlite")
    blocks = database.execute("SELECT block FROM blocks ORDER BY position").fetchall()
    database.close()
    return [entry for (block,) in blocks for entry in decode_entries(block)]


def shadowed(
    history: History,
    policy: Policy | None = None,
    stretch: Stretch | None = None,
    *,
    jobs: int = 1,
    stop: Stop | None = None,
    **route: Any,
) -> Shadow | None:
    """Compare a history with its own decisions under a policy."""
    way = Route(history=history, policy=policy or policy_with(), stretch=stretch or Stretch(), **route)
    wanted = set(way.stretch.partitions(one.partition for one in history.extents()))
    extents = tuple(one for one in history.extents() if one.partition in wanted)
    return shadow(way, extents, jobs=jobs, report=lambda _moved: None, stop=stop or Stop())
