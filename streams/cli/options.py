"""Options that mean the same in every command that has them."""

from __future__ import annotations

from pathlib import Path

import click

data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds everything the program writes (FIRSTWORD_DATA).",
)
as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document, and nothing else, on standard output."
)
mail = click.option(
    "--mail",
    metavar="URL",
    help="Where mails go: maildir:DIR or smtp://user:pass@host:port?tls=starttls|implicit|none (FIRSTWORD_MAIL_URL).",
)
policy = click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The policy file; without it, the standard policy (FIRSTWORD_POLICY).",
)
templates = click.option(
    "--templates",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of messages that win over those that come with the program (FIRSTWORD_TEMPLATES).",
)
kafka = click.option(
    "--kafka", metavar="HOSTS", help="The Kafka brokers to begin with, host:port (FIRSTWORD_KAFKA)."
)
monitor = click.option(
    "--monitor", metavar="ADDRESS", help="Serve metrics and health at host:port (FIRSTWORD_MONITOR)."
)
dry_run = click.option("--dry-run", is_flag=True, help="Ask and say what would be done, and do nothing.")
