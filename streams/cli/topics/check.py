"""``firstword topics check``: how the topics are kept, and what to do where it is not as it must be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table

if TYPE_CHECKING:
    from streams.service.stand import Stand


@click.command(cls=Command, examples=("firstword topics check", "firstword topics check --json"))
@options.kafka
@options.as_json
def command(kafka: str | None, *, as_json: bool) -> int:
    """Compare the topics at the brokers with what they must be, and say what to do.

    Partitions, copies, cleanup, retention and the largest record are looked at; nothing is changed. The exit code
    is 1 when something is missing or wrong.
    """
    from streams.service.declare import look
    from streams.settings import load

    stands = asyncio.run(look(load(kafka=kafka)))
    healthy = all(one.verdict == "fine" for one in stands)
    if as_json:
        print_document({"healthy": healthy, "topics": stands})
        return 0 if healthy else 1
    print_table(("", "topic", "how it is"), [(one.verdict, one.topic, one.says) for one in stands])
    todo = dict.fromkeys(_advice(one) for one in stands if one.do)
    if todo:
        click.echo("\nwhat to do:")
    for advice in todo:
        click.echo(f"  {advice}")
    return 0 if healthy else 1


def _advice(stand: Stand) -> str:
    return stand.do if stand.verdict == "missing" and stand.ours else f"{stand.topic}: {stand.do}"
