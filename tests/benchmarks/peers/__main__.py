"""Ours beside its peers, on one topic and one broker: ``python -m tests.benchmarks.peers [NAME...] [--json]``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.peers.arena import FOREVER, Arena, ContestError
from tests.benchmarks.peers.contestants import AIMS, CONTESTANTS
from tests.benchmarks.peers.environment import NotInstallableError
from tests.benchmarks.peers.history import history, produce
from tests.benchmarks.peers.result import Ratio, Result, Summary, ratio, summary
from tests.kafka_install import KafkaRigError
from tests.kafka_rig import broker

NOTES = (
    "Every contestant runs alone, from the first event of the topic to the last, start-up left out. The peers stop "
    "their clock when the last event is processed, ours when the broker has acknowledged what it led to, up to "
    "0.2 s too late. The peers keep no deadlines. Scans carry their order's id, for everybody. CPU seconds are those "
    "of the contestant's processes between the two moments; a ratio by CPU tells less about what else the machine did."
)


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for, or everyone."""
    asked = _parser().parse_args(arguments)
    unknown = sorted(set(asked.names) - set(CONTESTANTS))
    if unknown:
        _parser().error(f"nobody is called {', '.join(unknown)}; known: {', '.join(CONTESTANTS)}")
    lines = history(asked.events, tick_hours=asked.tick_hours)
    with broker() as kafka, tempfile.TemporaryDirectory(prefix="firstword-peers-") as folder:
        topic = f"peers-{secrets.token_hex(3)}"
        kafka.create_topics({topic: asked.partitions}, config=FOREVER)
        counts = produce(kafka.bootstrap, topic, asked.partitions, lines)
        size = sum(len(line.raw) for line in lines) / len(lines)
        _say(f"{len(lines):,} events of {size:.0f} bytes, by partition: {counts}; {_machine()}")
        arena = Arena(kafka, topic, asked.partitions, len(lines), Path(folder))
        del lines
        try:
            rounds = [_round(arena, asked.names or list(CONTESTANTS)) for _ in range(asked.rounds)]
        finally:
            kafka.delete_topics(
                [name for name in kafka.topics() if topic in name]
            )  # it may be a named broker
    _tell(rounds, as_json=asked.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.peers",
        description="Ours beside its peers, on one topic and one broker. Nothing fails by a time.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(CONTESTANTS)}")
    parser.add_argument("--events", type=int, default=300_000, help="how many, before ticks (default 300000)")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=1, help="medians of so many (default 1)")
    parser.add_argument(
        "--tick-hours",
        type=float,
        default=1.0,
        help="how often the shop's time is told to our deadlines; 0: never, as for the peers (default 1)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the tables")
    return parser


def _round(arena: Arena, names: Iterable[str]) -> dict[str, Result]:
    """Run everyone once; who fails is said and left out."""
    results: dict[str, Result] = {}
    for name in names:
        contestant = CONTESTANTS[name]
        try:
            for result in contestant.run(arena):
                results[result.name] = result
                _say(
                    f"{result.name}: {result.rate:,.0f} events/s, {result.cpu_rate:,.0f} per CPU second "
                    f"({result.seconds:.1f} s, settled {result.settled_seconds:.1f} s, load {result.load:.1f})"
                )
        except (ContestError, NotInstallableError, KafkaRigError) as error:
            _say(f"{contestant.name} could not be measured: {error}")
    return results


def _tell(rounds: list[dict[str, Result]], *, as_json: bool) -> None:
    names = list(dict.fromkeys(name for one in rounds for name in one))
    summaries = [summary(one[name] for one in rounds if name in one) for name in names]
    ratios = [found for aim in AIMS if (found := ratio(aim, rounds)) is not None]
    settings = {contestant.name: contestant.settings for contestant in CONTESTANTS.values()}
    if as_json:
        document = {
            "machine": _machine(),
            "rounds": [[result.as_json() for result in one.values()] for one in rounds],
            "ratios": [one.as_json() for one in ratios],
            "settings": settings,
            "notes": NOTES,
        }
        print(json.dumps(document, indent=1))
        return
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(_speeds(summaries))
    if ratios:
        console.print(_ratios(ratios))
    for name, text in settings.items():
        console.print(f"[bold]{name}[/]: {text}")
    console.print(NOTES)


def _speeds(summaries: list[Summary]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("contestant")
    for title in ("events/s", "per CPU second", "CPU seconds", "broker's", "decisions"):
        table.add_column(title, justify="right")
    for one in summaries:
        spent = one.broker_cpu_seconds
        table.add_row(
            one.name,
            f"{one.rate:,.0f}",
            f"{one.cpu_rate:,.0f}",
            f"{one.cpu_seconds:.1f}",
            "" if spent is None else f"{spent:.1f}",
            f"{one.decisions:,}" if one.decisions else "",
        )
    return table


def _ratios(ratios: list[Ratio]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("ours")
    table.add_column("beside")
    for title in ("by the clock", "by CPU", "aim"):
        table.add_column(title, justify="right")
    for one in ratios:
        aim = f"{one.aim.at_least:.1f} {'reached' if one.is_reached else 'missed'}"
        table.add_row(one.aim.ours, one.aim.theirs, f"{one.by_clock:.2f}", f"{one.by_cpu:.2f}", aim)
    return table


def _machine() -> str:
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
