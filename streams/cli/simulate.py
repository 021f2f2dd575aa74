"""``firstword simulate``: the events of a shop that does not exist, with the truth beside them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, progress
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.simulate.plan import Plan

_STANDARD_OUTPUT = "-"


@click.command(
    cls=Command,
    examples=(
        "firstword simulate --orders 5000 --days 30 --out world",
        "firstword simulate --seed 3 --out - | firstword run --data shop --source native=- --clock history",
        "firstword simulate --orders 100000 --rate 500 --out - > /dev/null",
    ),
)
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed is another world.")
@click.option("--orders", type=click.IntRange(0), default=600, show_default=True, help="How many are placed.")
@click.option("--days", type=click.IntRange(1), default=7, show_default=True, help="Over how many days.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Events a second, for --out -; else as fast as can be.",
)
@click.option(
    "--out",
    required=True,
    metavar="DIR|-",
    help="Where events.ndjson and truth.json go; - writes the events to standard output, and no truth.",
)
@options.as_json
def command(seed: int, orders: int, days: int, rate: float | None, out: str, *, as_json: bool) -> None:
    """Write the events of a simulated shop, with the truth about its planted faults.

    Events come in order of arrival, untidy as they are in life: late, twice, and before their order. The
    same seed writes the same bytes.
    """
    from streams.simulate.plan import Plan
    from streams.simulate.shop import simulate

    plan = Plan(seed=seed, orders=orders, days=days)
    if out == _STANDARD_OUTPUT:
        _check(as_json=as_json)
        _pour((event.line for event in simulate(plan)), rate)
        return
    if rate is not None:
        raise UsageProblem(
            "rate-without-stream",
            "a file needs no pace",
            where=f"--rate {rate:g}",
            hint="leave out --rate, or write to standard output with --out -",
        )
    _write(plan, Path(out), as_json=as_json)


def _check(*, as_json: bool) -> None:
    if as_json:
        raise UsageProblem(
            "output-twice",
            "the events and the summary cannot both be standard output",
            where="--out - --json",
            hint="write to a folder, or leave out --json",
        )


def _write(plan: Plan, folder: Path, *, as_json: bool) -> None:
    from streams.simulate.shop import write

    with progress("the shop sells", None, shown=not as_json):
        written = write(plan, folder)
    if as_json:
        print_document({"seed": plan.seed, **_named(written)})
        return
    click.echo(f"{written.lines:,} events   {written.events}")
    click.echo(f"{sum(written.planted.values()):,} faults planted   {written.truth}")
    for kind, count in written.planted.items():
        click.echo(f"  {kind:<20} {count:>6,}")


def _named(written: object) -> dict[str, object]:
    from streams.simulate.shop import Written

    assert isinstance(written, Written)
    return {
        "events": str(written.events),
        "truth": str(written.truth),
        "lines": written.lines,
        "planted": written.planted,
    }


def _pour(lines: object, rate: float | None) -> None:
    """Write lines to standard output, no faster than ``rate`` a second; a slow reader slows us, and no more."""
    from collections.abc import Iterable

    from streams.clock import stopwatch

    assert isinstance(lines, Iterable)
    stream = sys.stdout.buffer
    began = stopwatch()
    for number, line in enumerate(lines):
        if rate is not None:
            ahead = number / rate - (stopwatch() - began)
            # Below ten milliseconds a sleep is longer than what it waits for.
            if ahead > 0.01:
                stream.flush()
                time.sleep(ahead)
        stream.write(line + b"\n")
    stream.flush()
