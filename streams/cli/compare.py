"""``firstword compare``: two decision logs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document


@click.command(
    cls=Command,
    examples=(
        "firstword compare yesterday.ndjson today.ndjson",
        "firstword compare shop shop-with-the-new-policy --limit 0",
        "firstword compare decisions.ndjson shop --json",
    ),
)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="How many orders are shown; 0 shows all.",
)
@options.as_json
def command(first: Path, second: Path, limit: int, *, as_json: bool) -> int:
    """Compare two logs of decisions: what both say, what only one says, and where each order differs first.

    FIRST and SECOND are files of CloudEvents, one per line, as `run --decisions` and `replay --mode rebuild --out`
    write them, or folders that `run --data` was given. The exit code is 1 when they differ.
    """
    from streams.cli.replay.pages import tell_counts, tell_difference
    from streams.ops.compare import compare

    found = compare(first, second, limit=limit or None)
    tally = found.tally
    if as_json:
        print_document(found)
        return 1 if tally.orders else 0
    sides = ("first", "second")
    click.echo(f"first       {found.first}")
    click.echo(f"second      {found.second}")
    click.echo("")
    tell_counts(tally, sides)
    for one in found.differences:
        tell_difference(one, sides)
    if len(found.differences) < tally.orders:
        click.echo(f"and {tally.orders - len(found.differences):,} more orders; --limit 0 shows all")
    click.echo(
        f"{tally.same:,} the same, {tally.changed:,} changed, {tally.only_then:,} only in the first,"
        f" {tally.only_today:,} only in the second; {tally.orders:,} orders differ"
    )
    return 1 if tally.orders else 0
