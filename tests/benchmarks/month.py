"""A simulated month, made once per run: its lines, its events, its journal blocks and the letters it caused."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import sqlite3
import tempfile
from functools import cache
from pathlib import Path

from streams import telemetry, wiring
from streams.codec.blocks import decode_block
from streams.core.events import Event, MessageAccepted, MessageQueued
from streams.core.policy import Policy
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.embedded.runner import Feed, Runner
from streams.settings import load
from streams.simulate.plan import Plan
from streams.simulate.shop import Written, write
from streams.sources.feeds import parse_feed

# Thirty days and ten thousand orders are 130,000 events and 760 mails, with the usual disorder among them:
# duplicates, delays, scans that come too early, strangers.
PLAN = Plan(orders=10_000, days=30)


@cache
def room() -> Path:
    """Return a folder that is gone when the benchmarks are."""
    folder = Path(tempfile.mkdtemp(prefix="firstword-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def kit() -> wiring.Kit:
    """Return the product's own parts: policy, words, labels."""
    telemetry.configure("ERROR")  # the world is untidy on purpose; its dead letters are no news
    return wiring.build(load({}, data=room() / "kit"))


@cache
def policy() -> Policy:
    """Return the standard policy."""
    return kit().policy


@cache
def written() -> Written:
    """Return the month as NDJSON on the disk, in order of arrival."""
    return write(PLAN, room() / "shop")


class Keeper:
    """Takes every mail as sent, at once, and keeps it for the benchmarks of the mail."""

    def __init__(self) -> None:
        self.kept: list[MessageQueued] = []

    async def send(self, message, _now):
        self.kept.append(message)
        words = {name: getattr(message, name) for name in ("message_id", "case_id", "template", "locale")}
        return (MessageAccepted(order_id=message.order_id, to_hash=message.to_hash, **words),)

    async def retry_due(self, _now):
        return ()

    def next_retry(self):
        return None

    def withdraw(self, _message_id, _now):
        return False


class QuickLabels:
    """The label provider, without drawing its labels: a sheet with bars takes longer than a thousand events."""

    def __init__(self, provider) -> None:
        self._provider = provider
        self.name = provider.name
        self.buy = provider.buy

    def document(self, _issued):
        return b"%PDF"


@cache
def lived() -> tuple[Path, list[MessageQueued]]:
    """Return the journal that the month left, and every mail it caused, with labels bought and kept."""
    keeper = Keeper()
    effects = kit().effects
    effects.sender = keeper
    path = room() / "lived.sqlite"
    engine = Engine(Journal(path), policy())
    source, location = parse_feed(f"native={written().events}", kit().sources)
    runner = Runner(engine, effects, [Feed("month", source, location)])
    asyncio.run(runner.run_history(PLAN.until, lambda _now: ()))
    engine.journal.close()
    return path, keeper.kept


@cache
def letters() -> list[MessageQueued]:
    """Return every mail of the month that has a letter."""
    return [message for message in lived()[1] if message.letter is not None]


@cache
def blocks() -> list[bytes]:
    """Return the journal's blocks as they stand on the disk."""
    path, _ = lived()
    connection = sqlite3.connect(path)
    found = [bytes(block) for (block,) in connection.execute("SELECT block FROM blocks ORDER BY position")]
    connection.close()
    return found


@cache
def events() -> list[Event]:
    """Return every event of the journal, ticks included, in journal order."""
    return [event for block in blocks() for event in decode_block(block)]
