"""From the produce of a deciding event to the relay's 250: ``python -m tests.benchmarks.latency [--json]``.

Events arrive at a steady rate; a share of them are packing scans of the wrong article, each in an order of its
own. By the standard policy such an order asks for a return label and a replacement, and its mail leaves when both
are there: out to effects, back through ingest and fold, and out again. ``--plain`` measures a mail that waits for
nothing. The ten minutes in which a station may correct its scan are left out of the policy.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from streams.codec.envelope import encode_envelope
from streams.core.events import AnyFact, Event
from streams.service.partition import partition_of
from tests import postgres_rig
from tests.benchmarks.latency_sink import arrivals, noting_sink
from tests.benchmarks.peers.arena import committed_to_end
from tests.benchmarks.peers.workers import Worker, command, until, workers
from tests.builders import customer, packed, placed, planned
from tests.kafka_rig import Broker, broker

PARTITIONS = 4
WARM_MAILS = 20  # sent and waited for before anything counts: they load templates and open connections
WARM_SECONDS = 2  # of the stream itself, which are not counted either
PATIENCE = 90.0  # seconds for the last mails
ROLES = ("ingest", "fold", "effects")
RIGHT, WRONG = {"MARKERS-BLUE": 1}, {"MARKERS-RED": 1}


class Fact(NamedTuple):
    """One record to produce; ``decides`` is the order's customer when a mail must follow."""

    order_id: str
    raw: bytes
    decides: str | None = None


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print."""
    asked = _parser().parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firstword-latency-")))
        kafka = stack.enter_context(broker())
        relay = stack.enter_context(noting_sink(folder / "mails"))
        settings = _settings(kafka, folder, relay, plain=asked.plain)
        if not asked.sqlite:
            server = stack.enter_context(postgres_rig.server())
            settings["FIRSTWORD_DATABASE"] = stack.enter_context(postgres_rig.database(server.url))
        command(settings, "topics", "create")
        stack.callback(_forget, kafka, folder.name)
        running = stack.enter_context(workers(ROLES, settings, folder))
        report = asyncio.run(_measure(kafka, settings["FIRSTWORD_TOPIC_PREFIX"], folder, running, asked))
    print(json.dumps(report, indent=1) if asked.json else _told(report))
    return 0


def _topic(prefix: str) -> str:
    return f"{prefix}.facts"


def _forget(kafka: Broker, prefix: str) -> None:
    """Take our topics away again: it may be a named broker."""
    kafka.delete_topics([name for name in kafka.topics() if name.startswith(prefix)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latency", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=30, help="for how long (default 30, after 2 to warm up)"
    )
    parser.add_argument("--rate", type=int, default=500, help="events a second (default 500)")
    parser.add_argument("--share", type=float, default=0.05, help="of events that decide (default 0.05)")
    parser.add_argument("--plain", action="store_true", help="a mail without label and replacement")
    parser.add_argument("--sqlite", action="store_true", help="the ledger in SQLite instead of PostgreSQL")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser


def _settings(kafka: Broker, folder: Path, relay: int, *, plain: bool) -> dict[str, str]:
    remedies = '["apology"]' if plain else '["apology", "return_label", "expedited_replacement"]'
    policy = folder / "policy.toml"
    policy.write_text(f'[respond.wrong_item]\nsettle = "0m"\nremedies = {remedies}\n', "utf-8")
    return {
        "FIRSTWORD_KAFKA": kafka.bootstrap,
        "FIRSTWORD_TOPICS": f"{_topic(folder.name)}=native",
        "FIRSTWORD_TOPIC_PREFIX": folder.name,
        "FIRSTWORD_PARTITIONS": str(PARTITIONS),
        "FIRSTWORD_DATA": str(folder / "data"),
        "FIRSTWORD_POLICY": str(policy),
        "FIRSTWORD_MAIL_URL": f"smtp://127.0.0.1:{relay}?tls=none",
        "FIRSTWORD_LOG_LEVEL": "WARN",
    }


async def _measure(
    kafka: Broker, prefix: str, folder: Path, running: list[Worker], asked: argparse.Namespace
) -> dict[str, object]:
    before, during = _facts(asked)
    topic = _topic(prefix)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", linger_ms=0)
    await producer.start()
    try:
        for fact in before:
            await _send(producer, topic, fact)
        await producer.flush()
        with committed_to_end(kafka, f"{prefix}-ingest", topic, PARTITIONS) as is_read:
            await asyncio.to_thread(until, is_read, running)
        await _wait_for([fact.decides for fact in before if fact.decides], folder / "mails", running)
        began = time.time()
        sent = await _at_a_rate(producer, topic, during, asked.rate)
        took = time.time() - began
    finally:
        await producer.stop()
    counted = {who: at for who, at in sent.items() if at >= began + WARM_SECONDS}
    await _wait_for(sent.keys(), folder / "mails", running)
    arrived = arrivals(folder / "mails")
    waits = sorted(arrived[who] - at for who, at in counted.items() if who in arrived)
    return {
        "events_a_second": round(len(during) / took, 1),
        "deciding": len(counted),
        "mails": len(waits),
        "remedies": not asked.plain,
        "ledger": "SQLite" if asked.sqlite else "PostgreSQL",
        **_percentiles(waits),
        "cpu_seconds": {
            worker.role: round(worker.looks[-1].cpu_seconds, 1) for worker in running if worker.looks
        },
        "seconds": round(took, 1),
    }


def _percentiles(waits: list[float]) -> dict[str, float]:
    if len(waits) < 2:
        return {}
    cuts = statistics.quantiles(waits, n=100, method="inclusive")
    chosen = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": waits[-1]}
    return {f"{name}_milliseconds": round(value * 1000, 1) for name, value in chosen.items()}


def _facts(asked: argparse.Namespace) -> tuple[list[Fact], list[Fact]]:
    """Return what must be known before, and the stream: every twentieth event or so decides, the others are daily life."""
    total = asked.rate * (asked.seconds + WARM_SECONDS)
    every = round(1 / asked.share)
    daily = _daily_life()
    before = [fact for number in range(WARM_MAILS) for fact in _mistake(f"WARM-{number}")]
    during: list[Fact] = []
    for number in range(total):
        if number % every:
            during.append(next(daily))
            continue
        *purchase, mistake = _mistake(f"WRONG-{number}")
        before += purchase
        during.append(mistake)
    return before, during


def _mistake(order_id: str) -> list[Fact]:
    """Return an order that is bought, planned and packed wrongly."""
    email = f"{order_id.lower()}@example.com"
    wrong = packed(WRONG, order_id=order_id)
    return [*_purchase(order_id, email), _fact(order_id, "packed", wrong, decides=email)]


def _daily_life() -> Iterator[Fact]:
    """Yield orders that are bought and packed as they should be."""
    number = 0
    while True:
        order_id = f"RIGHT-{number}"
        yield from _purchase(order_id, f"{order_id.lower()}@example.com")
        yield _fact(order_id, "packed", packed(RIGHT, order_id=order_id))
        number += 1


def _purchase(order_id: str, email: str) -> list[Fact]:
    now = datetime.now(UTC)
    # Where it is noon now: no mail waits for the morning.
    hours = now.hour - 12
    who = customer(email=email, customer_id=order_id, time_zone=f"Etc/GMT{hours:+d}")
    by = (now + timedelta(days=10)).date().isoformat()
    return [
        _fact(order_id, "placed", placed(order_id, promise=by, bought=RIGHT, customer=who)),
        _fact(order_id, "planned", planned(RIGHT, order_id=order_id)),
    ]


def _fact(order_id: str, word: str, fact: AnyFact, decides: str | None = None) -> Fact:
    now = datetime.now(UTC)
    event = Event(
        id=f"{order_id}:{word}",
        source="shop",
        order_id=order_id,
        occurred_at=now,
        recorded_at=now,
        fact=fact,
    )
    return Fact(order_id, encode_envelope(event), decides)


async def _send(producer: AIOKafkaProducer, topic: str, fact: Fact) -> None:
    partition = partition_of(fact.order_id, PARTITIONS)
    await producer.send(topic, fact.raw, key=fact.order_id.encode(), partition=partition)


async def _at_a_rate(
    producer: AIOKafkaProducer, topic: str, facts: list[Fact], rate: int
) -> dict[str, float]:
    """Send each at its moment; return when those that decide were given to the client."""
    began, sent = time.time(), {}
    for number, fact in enumerate(facts):
        early = began + number / rate - time.time()
        if early > 0:
            await asyncio.sleep(early)
        if fact.decides is not None:
            sent[fact.decides] = time.time()
        await _send(producer, topic, fact)
    await producer.flush()
    return sent


async def _wait_for(expected, path: Path, running: list[Worker]) -> None:
    """Wait for the last mails; those that do not come are missing in the report."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not set(expected) <= arrivals(path).keys():
        for worker in running:
            worker.look()
        await asyncio.sleep(0.2)


def _told(report: dict[str, object]) -> str:
    return "\n".join(f"{name.replace('_', ' '):20} {value}" for name, value in report.items())


if __name__ == "__main__":
    sys.exit(main())
