"""``firstword new``: the skeleton of a plug-in, which works before it is changed."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.new.plan import SORTS
from streams.cli.output import print_document


@click.command(
    cls=Command,
    examples=(
        "firstword new detector customs_hold",
        "firstword new source acme_shop",
        "firstword new template customs_hold",
        "firstword new label acme_post --into ../our-plugins",
    ),
)
@click.argument("sort", metavar="|".join(SORTS), type=click.Choice(list(SORTS)))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the folder goes; without it, where its siblings are in this checkout.",
)
@options.as_json
def command(sort: str, name: str, into: Path | None, *, as_json: bool) -> None:
    """Write the skeleton of a new plug-in, with cases that pass.

    NAME is the folder, and the plug-in's name everywhere: in events, policy, metrics and pages. Nothing
    that exists is written over.
    """
    from streams.cli.new.plan import plant

    planted = plant(sort, name, into)
    if as_json:
        print_document(planted)
        return
    for file in planted.files:
        click.echo(f"wrote   {file}")
    for file in planted.changed:
        click.echo(f"changed {file}")
    click.echo("\nnext:")
    for number, step in enumerate(planted.steps, start=1):
        click.echo(f"  {number}. {step}")
