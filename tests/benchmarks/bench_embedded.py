"""The whole product on one machine over a history, journal included, beside reading and decoding alone."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from streams import telemetry, wiring
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.embedded.runner import Feed, Runner
from streams.settings import load
from streams.sources.feeds import parse_feed
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap

_NUMBERS = itertools.count()
OLIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "olist"


def rows() -> Iterator[Row]:
    """The month, once with its mails taken at once and once with mails and labels made; real orders where they are."""
    source = f"native={month.written().events}"
    yield _history("embedded, month, mails not made", source, month.PLAN.until, _without_mails)
    yield _history("embedded, month, mails and labels", source, month.PLAN.until, wiring.build)
    if OLIST.is_dir():
        yield _history("embedded, real orders", f"csv_history={OLIST}", None, wiring.build)


def _history(name: str, feed: str, until: datetime | None, build) -> Row:
    telemetry.configure("ERROR")  # the world is untidy on purpose; its dead letters are no news
    source, location = parse_feed(feed, month.kit().sources)

    def read():
        for record in source.read(location):
            source.translate(record)

    count = sum(1 for _ in source.read(location))
    return beside(
        name,
        "events",
        lambda: _run(feed, until, build),
        lap(read, count),
        floor_name="reading and decoding",
        rounds=3,
        warm=False,
        aim=20_000,
    )


def _run(feed: str, until: datetime | None, build) -> float:
    """Return events a second of one run into an empty folder."""
    folder = month.room() / f"run-{next(_NUMBERS)}"
    kit = build(load({}, data=folder))
    engine = Engine(Journal(folder / "journal.sqlite"), kit.policy)
    source, location = parse_feed(feed, kit.sources)
    runner = Runner(engine, kit.effects, [Feed(feed, source, location)])
    start = time.perf_counter()
    asyncio.run(runner.run_history(until, kit.sender.recover))
    seconds = time.perf_counter() - start
    engine.journal.close()
    kit.ledger.close()
    return engine.counters["in"] / seconds


def _without_mails(settings):
    kit = wiring.build(settings)
    kit.effects.sender = month.Keeper()
    kit.effects.labels = month.QuickLabels(kit.effects.labels)
    return kit
