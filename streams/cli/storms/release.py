"""``firstword storms release``: what people found right goes out."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.storms import asking


@click.command(
    cls=Command,
    examples=("firstword storms release storm_0bb8e3d658db6a64 --by mo --data shop",),
)
@asking.storm
@asking.by
@options.data
@options.policy
@options.as_json
def command(storm: str, by: str, data: Path | None, policy: Path | None, *, as_json: bool) -> None:
    """Say that the mails of a storm are right and may go; a second person must say so, too.

    When so many different people have said so as the policy asks for (`[brake] people`), each order is judged
    again: what has arrived in the meantime is told nothing, and the day's budget still holds.
    """
    asking.tell(storm, by, data, policy, release=True, as_json=as_json)
