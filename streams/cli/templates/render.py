"""``firstword templates render``: a message as a sample customer would read it."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, write_file
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.core.events import MessageQueued
    from streams.pipeline.ports import RenderedMail
    from streams.templating.catalogue import Catalogue, Message

_FORMATS = ("text", "html", "eml")


@click.command(
    cls=Command,
    examples=(
        "firstword templates render wrong_item",
        "firstword templates render wrong_item --locale pt-BR --sample worst",
        "firstword templates render lost --format html --out lost.html",
        "firstword templates render lost --format eml --out lost.eml",
    ),
)
@click.argument("message")
@click.option("--locale", default="en", show_default=True, help="The customer's language, such as pt-BR.")
@click.option("--sample", default="typical", show_default=True, metavar="NAME", help="Which sample customer.")
@click.option("--format", "shape", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there.")
@options.templates
@options.as_json
def command(
    message: str,
    locale: str,
    sample: str,
    shape: str,
    out: Path | None,
    templates: Path | None,
    *,
    as_json: bool,
) -> None:
    """Fill a message in for a sample customer, and show what they would read.

    MESSAGE is the name of a folder below templates/. As eml it is the whole mail, as a mail program opens it.
    """
    from streams.assets import templates_dir
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer
    from streams.templating.samples import read_sample

    catalogue = load_catalogue(templates_dir(), load(templates=templates).templates)
    path = _sample(catalogue.message(message), sample)
    queued = read_sample(path, message, locale)
    mail = CatalogueRenderer(catalogue).render(queued)
    content = _shape(shape, mail, catalogue, queued)
    if out is not None:
        write_file(out, content)
    if as_json:
        written = {"format": shape, "out": None if out is None else str(out)}
        print_document({"message": message, "locale": locale, "sample": sample, **written, "mail": mail})
    elif out is None:
        sys.stdout.buffer.write(content)
    else:
        click.echo(str(out))


def _sample(message: Message, name: str) -> Path:
    samples = {path.stem: path for path in message.samples()}
    if name in samples:
        return samples[name]
    near = difflib.get_close_matches(name, samples, n=1, cutoff=0) or ["none"]
    raise UsageProblem(
        "sample-unknown",
        f"{message.name} has no sample called {name}",
        where=f"{message.folder.name}/samples",
        why=f"there are: {', '.join(samples) or 'none'}",
        hint=f"--sample {near[0]}",
    )


def _shape(shape: str, mail: RenderedMail, catalogue: Catalogue, queued: MessageQueued) -> bytes:
    match shape:
        case "html":
            return mail.html.encode() + b"\n"
        case "eml":
            return _compose(mail, catalogue, queued)
        case _:
            return f"Subject: {mail.subject}\nPreview: {mail.preheader}\n\n{mail.text}".encode()


def _compose(mail: RenderedMail, catalogue: Catalogue, queued: MessageQueued) -> bytes:
    from streams.clock import wall_now
    from streams.mail.compose import compose
    from streams.wiring import identity_of

    assert queued.letter is not None
    return compose(
        queued,
        mail,
        (),
        identity=identity_of(catalogue.brand),
        to=queued.letter.to,
        first_subject=None,
        date=wall_now(),
    )
