"""``firstword reviews list``: what waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.dead_letters.filters import brief, printable
from streams.cli.group import Command
from streams.cli.output import counted, print_document, print_table

if TYPE_CHECKING:
    from streams.cli.reviews.looking import Look
    from streams.ops.reviews import Review


@click.command(
    cls=Command,
    examples=(
        "firstword reviews list --data shop",
        "firstword reviews list --data shop --all --json",
        "firstword reviews list --kafka localhost:9092",
    ),
)
@options.data
@options.kafka
@click.option("--all", "everything", is_flag=True, help="Those that are decided, too.")
@options.as_json
def command(data: Path | None, kafka: str | None, *, everything: bool, as_json: bool) -> None:
    """List what waits for a person, the longest waiting first.

    Each with what a yes would cost by what was proposed then, why a person is asked, and until when. With --kafka
    out of the topics, without a trace, else out of the data folder, in which a process may be running.
    """
    from streams.cli.reviews.looking import Look
    from streams.settings import load

    with Look(load(data=data, kafka=kafka), kafka=kafka is not None) as look:
        listed = [one for one in look.reviews if everything or look.waits(one)]
        if as_json:
            from streams.cli.reviews.telling import plain_review

            rows = [plain_review(one, look.says(one)) for one in listed]
            waiting = sum(1 for one in look.reviews if look.waits(one))
            print_document({"in": look.name, "waiting": waiting, "reviews": rows})
            return
        _tell(look, listed, everything=everything)


def _tell(look: Look, listed: list[Review], *, everything: bool) -> None:
    if not listed:
        click.echo(
            f"no reviews in {look.name}" if everything else f"nothing waits for a person in {look.name}"
        )
        return
    columns = ("review", "order", "asked", "decide by", "cost", "why a person")
    rows = [_row(look, one, everything=everything) for one in listed]
    print_table((*columns, "state") if everything else columns, rows)
    if not everything:
        click.echo(
            f"\n{counted(len(listed), 'review')}; `firstword reviews show REVIEW` shows one with its mail"
        )


def _row(look: Look, one: Review, *, everything: bool) -> list[str]:
    from streams.ops.rehearse.saying import money
    from streams.ops.reviews import REASONS

    until = brief(one.decide_by) if one.decide_by is not None else "-"
    cells = [one.review_id, one.order_id, brief(one.asked_at), until, money(one.cost), REASONS[one.reason]]
    return [printable(cell) for cell in (*cells, look.says(one))][: 7 if everything else 6]
