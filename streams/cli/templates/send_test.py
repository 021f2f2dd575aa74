"""``firstword templates send-test``: a message in a real mailbox, marked as a test, with nothing in it that acts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document


@click.command(
    cls=Command,
    examples=(
        "FIRSTWORD_TEST_RECIPIENTS=@shop.example firstword templates send-test wrong_item --to marina@shop.example",
        "firstword templates send-test lost --to marina@shop.example --locale de --sample worst --mail maildir:tests",
    ),
)
@click.argument("message")
@click.option(
    "--to", required=True, metavar="ADDRESS", help="Who gets it: one of those who were named for it."
)
@click.option("--locale", default="en", show_default=True, help="The customer's language, such as pt-BR.")
@click.option("--sample", default="typical", show_default=True, metavar="NAME", help="Which sample customer.")
@options.templates
@options.mail
@options.as_json
def command(
    message: str,
    to: str,
    locale: str,
    sample: str,
    templates: Path | None,
    mail: str | None,
    *,
    as_json: bool,
) -> None:
    """Send MESSAGE, filled in for a sample customer, to somebody of the house.

    Its subject begins with [TEST], its links lead nowhere, its label says VOID, and no count and no customer
    ever knows of it. It goes only to addresses and domains that FIRSTWORD_TEST_RECIPIENTS names.
    """
    from streams.assets import templates_dir
    from streams.cli.templates.sampled import sample_of
    from streams.clock import wall_now
    from streams.labels.sandbox.void import void_label
    from streams.mail.trial import send_trial
    from streams.settings import load
    from streams.templating.catalogue import load_catalogue
    from streams.templating.renderer import CatalogueRenderer
    from streams.templating.samples import read_sample
    from streams.wiring import identity_of, mail_url

    settings = load(templates=templates, mail_url=mail)
    catalogue = load_catalogue(templates_dir(), settings.templates)
    queued = read_sample(sample_of(catalogue.message(message), sample), message, locale)
    sent = asyncio.run(
        send_trial(
            queued,
            CatalogueRenderer(catalogue).render(queued),
            to=to,
            allowed=settings.test_recipients,
            mail_url=mail_url(settings),
            identity=identity_of(catalogue.brand),
            now=wall_now(),
            attachments=void_label(queued.letter),
        )
    )
    if as_json:
        print_document({"message": message, "locale": locale, "sample": sample, "sent": sent})
    else:
        click.echo(f"sent to {sent.to}: {sent.message_id}")
