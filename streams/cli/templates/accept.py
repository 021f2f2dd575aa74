"""``firstword templates accept``: the words as they are now are the words we want."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import counted, print_document

if TYPE_CHECKING:
    from streams.templating.catalogue import Catalogue, Message
    from streams.templating.goldens import Difference
    from streams.templating.lint import Finding
    from streams.templating.renderer import CatalogueRenderer


@click.command(
    cls=Command,
    examples=(
        "firstword templates accept --dry-run",
        "firstword templates accept wrong_item --templates our-words",
    ),
)
@click.argument("messages", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only show what changed; write nothing.")
@options.templates
@options.as_json
def command(messages: tuple[str, ...], templates: Path | None, *, dry_run: bool, as_json: bool) -> int:
    """Take the mails as they render now for the ones we want.

    What every sample customer would read is compared with what was accepted last, the difference is shown,
    and the new text is written below expected/. With MESSAGES, only those. Words with a lint error are not
    accepted: the exit code is 1, and nothing of that message is written.
    """
    from streams.assets import templates_dir
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer

    catalogue = load_catalogue(templates_dir(), load(templates=templates).templates)
    renderer = CatalogueRenderer(catalogue)
    chosen = [catalogue.message(name) for name in messages] or list(catalogue.messages.values())
    outcomes = [_Outcome(renderer, message, write=not dry_run) for message in chosen]
    if as_json:
        print_document({"dry_run": dry_run, "messages": [outcome.plain() for outcome in outcomes]})
    else:
        for outcome in outcomes:
            outcome.tell()
        _sum_up(outcomes, dry_run=dry_run)
    return 1 if any(outcome.errors for outcome in outcomes) else 0


class _Outcome:
    """What became of one message: what stops it, or what changed and where it was written."""

    def __init__(self, renderer: CatalogueRenderer, message: Message, *, write: bool) -> None:
        from streams.templating.goldens import accept, differences

        self.message = message
        self.errors = _errors(renderer.catalogue, message)
        self.changes: list[Difference] = [] if self.errors else differences(renderer, message)
        self.written = accept(renderer, message) if write and not self.errors else []

    def tell(self) -> None:
        """Show it to the person who decides."""
        for error in self.errors:
            click.echo(f"{error.where}: {error.says}\n  why: {error.why}")
            if error.better:
                click.echo(f"  better: {error.better}")
        for change in self.changes:
            if change.path.suffix != ".html":  # the same words, in markup that nobody reads
                click.echo(click.style(f"{self.message.name} {change.path.name}", bold=True))
                click.echo(change.shown() + "\n")

    def plain(self) -> dict[str, Any]:
        """Return it for a program."""
        return {
            "message": self.message.name,
            "errors": self.errors,
            "changed": [change.path.name for change in self.changes],
            "written": [path.name for path in self.written],
        }


def _errors(catalogue: Catalogue, message: Message) -> list[Finding]:
    from streams.templating.lint import lint

    found = lint(catalogue, lambda name: name == message.name)
    return [finding for finding in found if finding.severity == "error"]


def _sum_up(outcomes: list[_Outcome], *, dry_run: bool) -> None:
    changed = sum(bool(outcome.changes) for outcome in outcomes)
    refused = sum(bool(outcome.errors) for outcome in outcomes)
    verb = "would be accepted" if dry_run else "accepted"
    click.echo(
        f"{counted(len(outcomes), 'message')}: {changed} with new words {verb}, {refused} with errors and not accepted"
    )
