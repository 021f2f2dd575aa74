"""``firstword console``: the room to look at it all, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command

if TYPE_CHECKING:
    from streams.web.door import Door


@click.command(
    cls=Command,
    examples=(
        "firstword console --data shop",
        "FIRSTWORD_CONSOLE_TOKENS_FILE=tokens firstword console --data shop --console 0.0.0.0:8100",
        "firstword console --kafka broker:9092",
    ),
)
@options.data
@options.kafka
@click.option(
    "--console",
    "address",
    metavar="ADDRESS",
    help="Where to serve it, host:port; :8100 listens on this machine only (FIRSTWORD_CONSOLE).",
)
@options.templates
def command(data: Path | None, kafka: str | None, address: str | None, templates: Path | None) -> None:
    """Serve pages about everything that happened: orders, reviews, dead letters, backtests.

    Until it is told to stop. Today's counters, cases, an order's story with its mails, reviews to decide, dead letters, mails in doubt,
    backtests. What it shows is read from the journal of the data folder, or with --kafka from the topics, into
    tables that may be thrown away; a process may be running on the same data. Who may come in is set by
    FIRSTWORD_CONSOLE_TOKENS_FILE, or by a proxy in front of it; with neither, a token for this run is printed.
    """
    import asyncio

    from streams import telemetry
    from streams.settings import load
    from streams.web.serve import furnished, serve

    settings = load(data=data, kafka=kafka, console=address, templates=templates)
    telemetry.configure(settings.log_level)

    def taken() -> None:
        if kafka is None:
            from streams.cli.dead_letters.taking import take

            take(settings)

    with furnished(settings, kafka=kafka is not None, taken=taken) as room:
        asyncio.run(serve(room, settings.console, lambda host, port: _invite(room.door, host, port)))


def _invite(door: Door, host: str, port: int) -> None:
    """Say where it is, and how to come in where nobody has set that."""
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"the console is at http://{shown}:{port}/")
    if door.spoken is not None:
        click.echo(f"no tokens are set; for this run, sign in with: {door.spoken}")
