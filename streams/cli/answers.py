"""``firstword answers``: where the links in mails lead."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command


@click.command(
    cls=Command,
    examples=(
        "FIRSTWORD_LINK_SECRET_FILE=links.secret firstword answers --data shop",
        "firstword answers --data shop --answers 0.0.0.0:8300",
        "firstword answers --kafka broker:9092",
    ),
)
@options.data
@options.kafka
@click.option(
    "--answers",
    "address",
    metavar="ADDRESS",
    help="Where to serve it, host:port; :8300 listens on this machine only (FIRSTWORD_ANSWERS).",
)
@options.templates
def command(data: Path | None, kafka: str | None, address: str | None, templates: Path | None) -> None:
    """Serve the page that links in mails lead to, where customers say what they want with one button.

    Until it is told to stop. Opening a link does nothing, however often mail scanners do it; the button hands one fact over
    to the process that works in the data folder, or with --kafka to the first topic of our own events. Links are
    signed with FIRSTWORD_LINK_SECRET; mails carry them where FIRSTWORD_PUBLIC_URL says that this page is reached.
    Put a proxy with TLS in front of it, and nothing else of this machine.
    """
    import asyncio

    from streams import telemetry
    from streams.settings import load
    from streams.web.answers.serve import furnish, serve

    settings = load(data=data, kafka=kafka, answers=address, templates=templates)
    telemetry.configure(settings.log_level)
    asyncio.run(serve(furnish(settings, kafka=kafka is not None), settings.answers, _invite))


def _invite(host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"the answers page is at http://{shown}:{port}/a/...")
