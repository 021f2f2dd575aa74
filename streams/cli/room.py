"""The embedded room as a command enters it: locked, built, run at one of the two clocks, and left in order."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from types import FrameType

from streams import __version__, telemetry, wiring
from streams.cli.folder import JOURNAL, hold
from streams.clock import stopwatch, wall_now
from streams.codec.envelope import encode_envelope
from streams.core.events import Event
from streams.embedded.engine import Engine
from streams.embedded.inbox import Inbox
from streams.embedded.intake import Intake, Verify, vendor_signatures
from streams.embedded.journal import Journal
from streams.embedded.runner import Feed, Progress, Runner
from streams.embedded.summary import Summary, summarize
from streams.pipeline.ports import Record, Source
from streams.problems import UsageProblem
from streams.settings import Settings
from streams.sources.feeds import parse_feed
from streams.sources.reading import documents

PUBLIC = "firstword"  # the source of every decision in the public log (contract, section 2)


class Room:
    """One data directory, held by this process, with everything that a run needs."""

    def __init__(self, settings: Settings, sources: Sequence[str], progress: Progress) -> None:
        self.settings = settings
        self.kit = wiring.build(settings)
        self.feeds = _feeds(sources, self.kit.sources)
        self.engine = Engine(Journal(settings.data / JOURNAL), self.kit.policy)
        inbox = Inbox(settings.data, self.kit.sources)
        self.runner = Runner(self.engine, self.kit.effects, self.feeds, inbox=inbox, progress=progress)
        self._stopwatch = stopwatch()

    def summary(self) -> Summary:
        """Return what was done in here; seconds count from the moment the room was entered."""
        return summarize(self.engine, stopwatch() - self._stopwatch, self.runner.taken)

    async def history(self, until: datetime | None) -> None:
        """Run through the feeds at their own time, and on through silence."""
        with _signals(self.runner):
            try:
                await self.runner.run_history(until, self.kit.sender.recover)
            finally:
                await self.kit.sender.close()

    async def wall(self, address: str | None) -> None:
        """Run at the wall clock; with an address or standard input for ever, else until all is read."""
        intake = self._intake() if address is not None else None
        forever = address is not None or any(feed.location == "-" for feed in self.feeds)
        with _signals(self.runner), self.kit.words:
            try:
                if intake is not None and address is not None:
                    await intake.start(address)
                await self.runner.run_wall(wall_now, self.kit.sender.recover, forever=forever)
            finally:
                if intake is not None:
                    await intake.stop()
                await self.kit.sender.close()

    def decisions(self) -> Iterator[bytes]:
        """Yield the public decision log, oldest first: every decision and outcome as a CloudEvent."""
        for logged in self.engine.journal.decisions():
            order_id = logged.fact.order_id
            assert order_id is not None  # decisions are made about orders
            yield encode_envelope(
                Event(
                    id=logged.id,
                    source=PUBLIC,
                    order_id=order_id,
                    occurred_at=logged.now,
                    recorded_at=logged.now,
                    fact=logged.fact,
                )
            )

    def close(self) -> None:
        """Let go of the journal and the ledger."""
        self.engine.journal.close()
        self.kit.ledger.close()

    def _intake(self) -> Intake:
        sources = self.kit.sources
        doors = {name: Feed(f"http:{name}", source, "http") for name, source in sources.items()}
        positions = count()

        async def submit(name: str, body: bytes, place: str) -> int:
            records = [
                Record(source=name, place=where, position=next(positions), raw=raw, parsed=wrong)
                for where, raw, wrong in _split(name, body, place)
            ]
            return await self.runner.submit(doors[name], records, wall_now)

        return Intake(
            submit,
            sources=sources,
            signatures=vendor_signatures(dict(_verifiers(sources)), self.settings),
            ready=lambda: not self.runner.stop.is_set(),
        )


@contextmanager
def enter(settings: Settings, sources: Sequence[str], progress: Progress) -> Iterator[Room]:
    """Hold the data directory and build everything in it; what is not garbage is taken out of its collector.

    Raises:
        streams.problems.Problem: whatever is wrong with the directory, a setting, a source or a file.
    """
    with hold(settings.data):
        room = Room(settings, sources, progress)
        telemetry.program_started(version=__version__, room="embedded")
        began = stopwatch()
        # State only grows while events are folded: looking for garbage in it is time spent for nothing.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        try:
            yield room
            reason = "told to stop" if room.runner.stop.is_set() else "sources are read"
            telemetry.program_stopped(reason=reason, seconds=round(stopwatch() - began, 3))
        finally:
            room.close()


def leave_reader_behind(code: int) -> None:
    """End the process although a thread still waits for a line on standard input, which nothing can wake."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _feeds(texts: Iterable[str], sources: Mapping[str, Source]) -> list[Feed]:
    feeds: list[Feed] = []
    for text in texts:
        source, location = parse_feed(text, sources)
        key = f"{source.name}={location}"
        if any(feed.key == key for feed in feeds):
            raise UsageProblem(
                "source-twice",
                f"{key} is named twice",
                where=f"--source {text}",
                why="a source has one place in the journal from which it goes on",
                hint="name it once",
            )
        feeds.append(Feed(key, source, location))
    return feeds


def _split(name: str, body: bytes, place: str) -> Iterable[tuple[str, bytes, object]]:
    """Return the records in a body: one per line for our own events, else the body is one."""
    if name != "native":
        return [(place, body, None)]
    return documents(io.BytesIO(body), place)


def _verifiers(sources: Iterable[str]) -> Iterator[tuple[str, Verify]]:
    for name in sources:
        verify = getattr(import_module(f"streams.sources.{name}.adapter"), "verify", None)
        if verify is not None:
            yield name, verify


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """Finish what is begun at the first SIGTERM or SIGINT; give up at the second.

    Handlers of the interpreter, not of the loop: they run even while a source blocks in a read.
    """
    calls = 0

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise KeyboardInterrupt
        loop.call_soon_threadsafe(runner.stop.set)  # it also wakes a loop that waits

    loop = asyncio.get_running_loop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def count_lines(path: Path) -> int | None:
    """Return how many lines a file has, for a progress bar; None where lines are not events."""
    if path.suffix not in {".ndjson", ".jsonl"} or not path.is_file():
        return None
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
