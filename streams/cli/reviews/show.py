"""``firstword reviews show``: one review, with the mail as it would go out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, write_file
from streams.cli.reviews import asking
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.cli.reviews.looking import Ahead
    from streams.ops.reviews import Review


@click.command(
    cls=Command,
    examples=(
        "firstword reviews show rev_0bb8e3d658db6a64 --data shop",
        "firstword reviews show ORD-1001 --data shop --html mail.html",
        "firstword reviews show ORD-1001 --data shop --only return_label",
        "firstword reviews show ORD-1001 --kafka localhost:9092 --json",
    ),
)
@asking.review
@asking.places
@asking.only
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the mail into this file as well, as a mail program shows it.",
)
@options.as_json
def command(
    review: str,
    data: Path | None,
    kafka: str | None,
    policy: Path | None,
    templates: Path | None,
    only: str | None,
    page: Path | None,
    *,
    as_json: bool,
) -> None:
    """Show one review: the evidence, what a yes would cost, and the mail as it would go out.

    REVIEW is an id, how one begins, or an order with one that waits. What follows from a yes and from a no is
    found by today's policy and words on a copy of the order: nothing is changed, sent, bought or shipped. When a
    mail goes depends on the customer's night as well; what it says does not. The mail is shown as it came out, with
    whatever it holds about a customer.
    """
    from streams.cli.reviews.looking import Look
    from streams.settings import load

    settings = load(data=data, kafka=kafka, policy=policy, templates=templates)
    with Look(settings, kafka=kafka is not None) as look:
        found = look.find(review)
        narrowed = asking.remedies_of(only, found)
        says, waits = look.says(found), look.waits(found)
        ahead = look.ahead(found)
    if page is not None:
        write_file(page, _page(ahead, found, narrowed))
    if as_json:
        print_document(_document(found, ahead, says, narrowed, waits=waits))
        return
    for line in _lines(found, ahead, says, narrowed, waits=waits):
        click.echo(line)
    if page is not None:
        click.echo(f"\n{page}")


def _lines(
    found: Review, ahead: Ahead, says: str, narrowed: tuple[str, ...] | None, *, waits: bool
) -> list[str]:
    from streams.cli.reviews.telling import facts_of, follows, names_of

    lines = list(facts_of(found, ahead.at, says))
    if not waits:
        return lines
    if not ahead.at.is_asked:
        return [*lines, "", asking.ASKED_OTHERWISE]
    names = names_of(ahead.at)
    yes = "a yes" if narrowed is None else f"a yes to {', '.join(narrowed) or 'words alone'}"
    lines += ["", *follows(yes, ahead.yes(narrowed), names)]
    return [*lines, "", *follows("a no", ahead.no(), names)]


def _document(
    found: Review, ahead: Ahead, says: str, narrowed: tuple[str, ...] | None, *, waits: bool
) -> dict[str, object]:
    from streams.cli.reviews.telling import names_of, plain_follows, plain_review, plain_standpoint

    names = names_of(ahead.at)
    told: dict[str, object] = {**plain_review(found, says), **plain_standpoint(ahead.at)}
    if waits:
        told["yes"] = plain_follows(ahead.yes(narrowed), names)
        told["no"] = plain_follows(ahead.no(), names)
    return told


def _page(ahead: Ahead, found: Review, narrowed: tuple[str, ...] | None) -> bytes:
    mail = ahead.yes(narrowed).mail if found.standing == "waiting" else None
    if mail is None or not mail.html:
        raise UsageProblem(
            "review-without-mail",
            "no mail would follow from a yes, so there is none to write",
            where=found.review_id,
            why=mail.problem if mail is not None else found.says(),
            hint="`firstword reviews show` without --html says what would follow",
        )
    return mail.html.encode()
