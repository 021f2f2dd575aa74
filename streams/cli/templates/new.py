"""``firstword templates new``: one file of words of your own, to begin with what there is."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, write_file
from streams.problems import UsageProblem


@click.command(
    cls=Command,
    examples=(
        "firstword templates new late_delivery --templates our-words",
        "firstword templates new late_delivery --locale nl --templates our-words",
    ),
)
@click.argument("message")
@click.option("--locale", default="en", show_default=True, help="The language to write in, such as pt-BR.")
@options.templates
@options.as_json
def command(message: str, locale: str, templates: Path | None, *, as_json: bool) -> None:
    """Begin words of your own for a message, in a folder of your own.

    Writes one file, with the words that are sent today, below the folder that --templates names: whatever is
    in it wins, and everything else stays as it came. A language that has no words yet begins with the
    English ones. For a message that does not exist at all: firstword new template NAME.
    """
    from streams.assets import templates_dir
    from streams.settings import load
    from streams.templating.catalogue import FALLBACK_LOCALE, load_catalogue

    own = load(templates=templates).templates
    if own is None:
        raise UsageProblem(
            "templates-not-named",
            "nothing says which folder is yours",
            hint=f"firstword templates new {message} --templates our-words",
        )
    own.mkdir(parents=True, exist_ok=True)
    found = load_catalogue(templates_dir(), own).message(message)
    name = f"{locale.replace('-', '_')}.md"
    target = own / found.name / name
    if target.exists():
        raise UsageProblem(
            "words-there-already",
            "this file is yours already",
            where=str(target),
            hint=f"edit it, then: firstword templates render {found.name} --templates {own}",
        )
    source = found.places.get(name) or found.places[f"{FALLBACK_LOCALE}.md"]
    write_file(target, source.read_bytes())
    if as_json:
        print_document({"message": found.name, "written": str(target), "from": source.name})
    else:
        click.echo(str(target))
