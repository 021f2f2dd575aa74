"""``firstword doctor``: looks at everything that a run needs, and says what to do where it is not in order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table

if TYPE_CHECKING:
    from streams.cli.doctor.check import Check


@click.command(
    cls=Command,
    examples=(
        "firstword doctor",
        "firstword doctor --data shop --mail smtp://relay.example.com:587",
        "firstword doctor --kafka localhost:9092",
        "firstword doctor --data shop --json",
    ),
)
@options.data
@options.mail
@options.policy
@options.templates
@options.kafka
@options.as_json
def command(
    data: Path | None,
    mail: str | None,
    policy: Path | None,
    templates: Path | None,
    kafka: str | None,
    *,
    as_json: bool,
) -> int:
    """Look whether everything is in order, and say what to do where it is not.

    Nothing is changed and no mail is sent. A relay is greeted, asked to encrypt and logged in to; Kafka brokers are
    asked for their topics, for the workers and for what waits for them; a database for its tables, its clock and its
    mails. A process may be running on the same data. The exit code is 1 when something needs to be done.
    """
    from streams.cli.doctor.examine import examine
    from streams.settings import load

    checks = examine(load(data=data, mail_url=mail, policy=policy, templates=templates, kafka=kafka))
    healthy = all(check.state != "act" for check in checks)
    if as_json:
        print_document({"healthy": healthy, "checks": checks})
    else:
        _tell(checks)
    return 0 if healthy else 1


def _tell(checks: Sequence[Check]) -> None:
    print_table(("", "what", "how it is"), [(check.state, check.what, check.says) for check in checks])
    todo = [check for check in checks if check.do]
    if todo:
        click.echo("\nwhat to do:")
        for check in todo:
            click.echo(f"  {check.what}: {check.do}")
