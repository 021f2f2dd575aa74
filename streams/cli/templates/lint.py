"""``firstword templates lint``: what a colleague would say about the words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import counted, print_document

if TYPE_CHECKING:
    from streams.templating.lint import Finding


@click.command(
    cls=Command,
    examples=(
        "firstword templates lint",
        "firstword templates lint wrong_item lost",
        "firstword templates lint --templates our-words --json",
    ),
)
@click.argument("messages", nargs=-1)
@options.templates
@options.as_json
def command(messages: tuple[str, ...], templates: Path | None, *, as_json: bool) -> int:
    """Have every message read by a colleague who knows the rules of the house.

    With MESSAGES, only those. Rules read what a customer would see: the samples, rendered. The exit code
    is 1 when there is an error; a warning asks for a reason and stops nothing.
    """
    from streams.assets import templates_dir
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.lint import lint, not_checked, rules_by_name

    catalogue = load_catalogue(templates_dir(), load(templates=templates).templates)
    chosen = [catalogue.message(name).name for name in messages] or list(catalogue.messages)
    findings = lint(catalogue, lambda name: name in chosen)
    errors = sum(finding.severity == "error" for finding in findings)
    unread = not_checked(catalogue)
    if as_json:
        print_document({"messages": chosen, "errors": errors, "findings": findings, "not_checked": unread})
        return 1 if errors else 0
    for finding in findings:
        _tell(finding)
    for locale in unread:
        click.echo(f"{locale}: what the words say is not checked, for nobody wrote a pack of this language\n")
    click.echo(
        f"{counted(len(chosen), 'message')} read by {len(rules_by_name())} rules: "
        f"{errors} errors, {len(findings) - errors} warnings"
    )
    return 1 if errors else 0


def _tell(finding: Finding) -> None:
    """Say it as a colleague would: where, what, why, and what would be better."""
    color = "red" if finding.severity == "error" else "yellow"
    click.echo(f"{finding.where}  {click.style(finding.severity, fg=color)} {finding.rule}")
    click.echo(f"  {finding.says}")
    if finding.why:
        click.echo(f"  why:    {finding.why}" + (f" ({finding.source})" if finding.source else ""))
    if finding.better:
        click.echo(f"  better: {finding.better}")
    click.echo("")
