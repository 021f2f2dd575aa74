"""``firstword demo``: a simulated shop week, run through the product and a real SMTP dialogue, and scored."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document


@click.command(
    cls=Command,
    examples=(
        "firstword demo",
        "firstword demo --dir /tmp/week --orders 2000 --seed 11",
        "firstword demo --json",
    ),
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where to write it; a former demo there is replaced, anything else is left alone.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed is another week.")
@click.option("--orders", type=click.IntRange(1, 100_000), default=600, show_default=True, help="How many.")
@options.as_json
def command(folder: Path, seed: int, orders: int, *, as_json: bool) -> int:
    """Run a simulated shop week with planted faults, and score what customers were told.

    The week is written to a fresh folder, goes through the whole product at its own time, and every mail
    through a real SMTP dialogue into a mailbox on this machine. Nothing leaves the machine. Afterwards what
    customers were told is compared with what was planted; the exit code is 1 unless it is perfect.
    """
    from streams.cli.demo.week import live

    week = live(folder, seed=seed, orders=orders, shown=not as_json)
    if as_json:
        print_document(week.as_json())
    else:
        for line in week.lines():
            click.echo(line)
    return 0 if week.score.perfect else 1
