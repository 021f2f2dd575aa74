"""``firstword storms list``: what the storm brake holds back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table


@click.command(
    cls=Command,
    examples=("firstword storms list --data shop", "firstword storms list --data shop --json"),
)
@options.data
@options.policy
@options.as_json
def command(data: Path | None, policy: Path | None, *, as_json: bool) -> None:
    """List the storms that hold mails back, with some of the orders to look at.

    `firstword timeline ORDER` tells what is known about one of them. With FIRSTWORD_DATABASE the storms of the
    whole deployment, else those of the data folder.
    """
    from streams.cli.storms.looking import opened, plain
    from streams.settings import load

    with opened(load(data=data, policy=policy)) as allowances:
        people = allowances.people
        storms = [plain(one, people=people) for one in allowances.storms()]
    if as_json:
        print_document({"storms": storms})
    elif not storms:
        click.echo("no storm holds anything back")
    else:
        columns = ("storm", "of", "since", "waiting", "released by", "look at")
        print_table(columns, [_row(one) for one in storms])
        click.echo(f"\n{people} different people release a storm: `firstword storms release STORM --by NAME`")


def _row(one: dict[str, Any]) -> list[str]:
    said = ", ".join(word["by"] for word in one["said"]) or "nobody"
    sort = f"{one['of']} {one['named']}"
    return [one["storm"], sort, one["since"][:16], str(one["waiting"]), said, " ".join(one["sample"])]
