"""``firstword templates lint``: what a colleague would say about the words."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table


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
    from streams.templating.lint import lint, rules_by_name

    catalogue = load_catalogue(templates_dir(), load(templates=templates).templates)
    chosen = [catalogue.message(name).name for name in messages] or list(catalogue.messages)
    findings = lint(catalogue, lambda name: name in chosen)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        print_document({"messages": chosen, "errors": errors, "findings": findings})
        return 1 if errors else 0
    if findings:
        print_table(
            ("", "where", "rule", "says"),
            [(finding.severity, finding.where, finding.rule, finding.says) for finding in findings],
        )
        click.echo("")
    warnings = len(findings) - errors
    click.echo(
        f"{len(chosen)} messages read by {len(rules_by_name())} rules: {errors} errors, {warnings} warnings"
    )
    return 1 if errors else 0
