"""``firstword studio``: the room in which words are written, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command

if TYPE_CHECKING:
    from streams.settings import Settings
    from streams.web.studio.cases import Letters


@click.command(
    cls=Command,
    examples=(
        "firstword studio",
        "firstword studio --templates words",
        "firstword studio --templates words --data shop",
    ),
)
@options.templates
@click.option(
    "--studio",
    "address",
    metavar="ADDRESS",
    help="Where to serve it, host:port; :8200 listens on this machine only (FIRSTWORD_STUDIO).",
)
@options.data
@options.kafka
@options.mail
def command(
    templates: Path | None, address: str | None, data: Path | None, kafka: str | None, mail: str | None
) -> None:
    """Write the words of every message, see each mail as customers do, and hear what a colleague would say.

    Until it is told to stop. Files are read from and saved to the folder of --templates, which holds only what
    you change; without it, to the folder that came with the program. With --data or --kafka, letters that really
    went out can be looked at too, without their names. Test mails go to those whom FIRSTWORD_TEST_RECIPIENTS
    allows. It works without the internet.
    """
    import asyncio

    from streams import telemetry
    from streams.settings import load
    from streams.web.studio.serve import furnish, serve

    settings = load(templates=templates, studio=address, data=data, kafka=kafka, mail_url=mail)
    telemetry.configure(settings.log_level)
    room = furnish(settings, _letters(settings, kafka=kafka is not None))
    asyncio.run(serve(room, settings.studio, _invite))


def _letters(settings: Settings, *, kafka: bool) -> Letters:
    """Return what finds the newest letters: in the topics, or in the data folder's journal where there is one."""
    from streams.cli.folder import JOURNAL
    from streams.ops.recent_letters import in_folder, in_topics

    if kafka:
        return lambda most: in_topics(settings, most)
    return lambda most: in_folder(settings.data / JOURNAL, most)


def _invite(address: str, token: str) -> None:
    click.echo(f"the studio is at {address}?token={token}")
