"""Words to mail: the catalogue compiled, beside mrml alone; and whole messages with their label, beside the standard library."""

from __future__ import annotations

from collections.abc import Iterator

import mrml

from streams.assets import templates_dir
from streams.mail.compose import compose
from streams.templating import compile as press
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from tests.benchmarks.bench_compose import standard
from tests.benchmarks.bench_mail import NOON, Mails
from tests.benchmarks.measure import Row, beside, lap

AIM = 1000  # complete messages a second in one process, label attached


def rows() -> Iterator[Row]:
    """What a save costs in the studio, and what a mail costs in the sender."""
    yield _compiled()
    yield _complete()


def _compiled() -> Row:
    catalogue = load_catalogue(templates_dir())
    pages = _pages(catalogue)

    def ours():
        CatalogueRenderer(catalogue).check()

    return beside(
        "compile a message",
        "files of words",
        lap(ours, len(pages)),
        lap(lambda: [mrml.to_html(page) for page in pages], len(pages)),
        floor_name="mrml with the same MJML",
    )


def _pages(catalogue) -> list[str]:
    """Return the MJML of every file of words, as the compiler hands it over."""
    seen = []
    convert = mrml.to_html

    def watch(page):
        seen.append(page)
        return convert(page)

    press.mrml.to_html = watch
    try:
        CatalogueRenderer(catalogue).check()
    finally:
        press.mrml.to_html = convert
    return seen


def _complete() -> Row:
    """Letter in, bytes out: rendered, composed, the PDF of the label attached and encoded."""
    mails = Mails()
    labelled = [(message, mails.attachments(message)) for message in mails.messages]
    labelled = [(message, label) for message, label in labelled if label]

    def ours():
        for message, label in labelled:
            compose(
                message,
                mails.renderer.render(message),
                label,
                identity=mails.identity,
                to=message.letter.to,
                first_subject=None,
                date=NOON,
            )

    def floor():
        for message, label in labelled:
            standard(mails.identity, message, mails.renderer.render(message), label)

    return beside(
        "complete message with its label",
        "mails",
        lap(ours, len(labelled)),
        lap(floor, len(labelled)),
        floor_name="the same words through email.message",
        rounds=3,
        aim=AIM,
    )
