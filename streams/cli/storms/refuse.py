"""``firstword storms refuse``: what must not go out stays."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.storms import asking


@click.command(
    cls=Command,
    examples=("firstword storms refuse storm_0bb8e3d658db6a64 --by mo --data shop",),
)
@asking.storm
@asking.by
@options.data
@options.policy
@options.as_json
def command(storm: str, by: str, data: Path | None, policy: Path | None, *, as_json: bool) -> None:
    """Say that the mails of a storm must not go; one person is enough.

    Each of the orders becomes a review of its own, for a person to decide.
    """
    asking.tell(storm, by, data, policy, release=False, as_json=as_json)
