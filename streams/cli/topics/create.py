"""``firstword topics create``: declares the topics once, before the first worker."""

from __future__ import annotations

import asyncio

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table


@click.command(
    cls=Command,
    examples=(
        "firstword topics create --kafka localhost:9092",
        "firstword topics create --dry-run",
        "firstword topics create --json",
    ),
)
@options.kafka
@options.dry_run
@options.as_json
def command(kafka: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Make the topics of the service where they are missing; those that are there stay as they are.

    Names, partitions and copies follow FIRSTWORD_TOPIC_PREFIX, FIRSTWORD_PARTITIONS and FIRSTWORD_REPLICAS. Topics
    that a foreign system writes to are its own to make. Brokers that are still starting are waited for.
    """
    from streams import telemetry
    from streams.service.declare import PATIENCE, create
    from streams.settings import load

    settings = load(kafka=kafka)
    telemetry.configure(settings.log_level)
    made = asyncio.run(create(settings, dry_run=dry_run, patience=PATIENCE))
    if as_json:
        print_document({"dry_run": dry_run, "topics": [one.topic for one in made]})
        return
    if not made:
        click.echo("every topic is there")
        return
    print_table(("would make" if dry_run else "made", "for"), [(one.topic, one.purpose) for one in made])
