"""``firstword templates render``: a message as a sample customer would read it."""

from __future__ import annotations

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
    from streams.templating.catalogue import Catalogue

_FORMATS = ("text", "html", "eml")


@click.command(
    cls=Command,
    examples=(
        "firstword templates render wrong_item",
        "firstword templates render wrong_item --locale pt-BR --sample worst",
        "firstword templates render lost --format html --out lost.html",
        "firstword templates render lost --format eml --out lost.eml",
        "firstword templates render --gallery",
        "firstword templates render wrong_item --gallery --out pictures",
    ),
)
@click.argument("message", required=False)
@click.option("--locale", help="The customer's language, such as pt-BR; English without it.")
@click.option("--sample", metavar="NAME", help="Which sample customer; the typical one without it.")
@click.option(
    "--gallery", is_flag=True, help="Write one page with all mails in all languages, or those chosen."
)
@click.option("--format", "shape", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write it there; a gallery is a folder.")
@options.templates
@options.as_json
def command(
    message: str | None,
    locale: str | None,
    sample: str | None,
    shape: str,
    out: Path | None,
    templates: Path | None,
    *,
    gallery: bool,
    as_json: bool,
) -> int:
    """Fill a message in for a sample customer, and show what they would read.

    MESSAGE is the name of a folder below templates/. As eml it is the whole mail, as a mail program opens
    it. With --gallery, every message in every language for every sample customer is put on one page
    (without --out in the folder gallery), light and dark, wide and narrow; the exit code is 1 when one of
    them cannot be rendered.
    """
    from streams.assets import templates_dir
    from streams.cli.templates.sampled import sample_of
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer
    from streams.templating.samples import read_sample

    catalogue = load_catalogue(templates_dir(), load(templates=templates).templates)
    if gallery:
        from streams.cli.templates.gallery import hang_up

        wall = out or Path("gallery")
        return hang_up(catalogue, wall, message=message, locale=locale, sample=sample, as_json=as_json)
    if message is None:
        raise UsageProblem(
            "message-not-named",
            "nothing says which message to render",
            why=f"there are: {', '.join(catalogue.messages)}",
            hint="firstword templates render wrong_item; or --gallery for all of them",
        )
    locale, sample = locale or "en", sample or "typical"
    path = sample_of(catalogue.message(message), sample)
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
    return 0


def _shape(shape: str, mail: RenderedMail, catalogue: Catalogue, queued: MessageQueued) -> bytes:
    match shape:
        case "html":
            return mail.page.encode() + b"\n"
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
