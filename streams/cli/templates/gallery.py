"""The gallery of ``firstword templates render --gallery``: every mail that can leave the house, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.output import print_document, progress, write_file
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.templating.catalogue import Catalogue
    from streams.templating.gallery import Picture, Wanted


def hang_up(
    catalogue: Catalogue,
    wall: Path,
    *,
    message: str | None,
    locale: str | None,
    sample: str | None,
    as_json: bool,
) -> int:
    """Write the gallery into the folder ``wall``; what is None is not chosen by."""
    from streams.templating.gallery import index

    wanted = _wanted(catalogue, message, locale, sample)
    pictures = _rendered(catalogue, wall, wanted)
    if not pictures:
        raise UsageProblem(
            "gallery-empty",
            "no mail was chosen",
            where=" ".join(filter(None, (message, locale, sample))),
            why=f"languages are {', '.join(_locales(catalogue))}",
            hint="leave out --locale or --sample",
        )
    write_file(wall / "index.html", index(catalogue, pictures).encode())
    broken = [picture for picture in pictures if picture.mail is None]
    if as_json:
        print_document({"page": str(wall / "index.html"), "mails": [_plain(picture) for picture in pictures]})
    else:
        for picture in broken:
            click.echo(f"{picture.name}: {picture.problem.what if picture.problem else ''}")
        click.echo(f"{len(pictures)} mails, {len(broken)} cannot be rendered: {wall / 'index.html'}")
    return 1 if broken else 0


def _wanted(catalogue: Catalogue, message: str | None, locale: str | None, sample: str | None) -> Wanted:
    chosen = None if message is None else catalogue.message(message).name
    spoken = None if locale is None else locale.replace("-", "_")
    asked = (chosen, spoken, sample)
    return lambda *named: all(want in (None, has) for want, has in zip(asked, named, strict=True))


def _rendered(catalogue: Catalogue, wall: Path, wanted: Wanted) -> list[Picture]:
    from streams.templating.gallery import hang, pages

    pictures = []
    total = sum(len(message.words) * len(message.samples()) for message in catalogue.messages.values())
    with progress("rendering", total) as move:
        for picture in hang(catalogue, wanted):
            for path, content in pages(picture):
                write_file(wall / path, content.encode())
            pictures.append(picture)
            move(1)
    return pictures


def _locales(catalogue: Catalogue) -> list[str]:
    return sorted({locale for message in catalogue.messages.values() for locale in message.words})


def _plain(picture: Picture) -> dict[str, str | None]:
    return {
        "message": picture.message,
        "locale": picture.locale,
        "sample": picture.sample,
        "subject": picture.mail.subject if picture.mail else None,
        "problem": picture.problem.what if picture.problem else None,
    }
