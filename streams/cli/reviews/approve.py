"""``firstword reviews approve``: a person says yes."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.reviews import asking


@click.command(
    cls=Command,
    examples=(
        "firstword reviews approve ORD-1001 --by mo --data shop --dry-run",
        'firstword reviews approve rev_0bb8e3d658db6a64 --by mo --note "a good customer" --data shop',
        "firstword reviews approve ORD-1001 --by mo --only return_label --kafka localhost:9092",
    ),
)
@asking.review
@asking.by
@asking.note
@asking.only
@asking.places
@options.dry_run
@options.as_json
def command(
    review: str,
    by: str,
    note: str,
    only: str | None,
    data: Path | None,
    kafka: str | None,
    policy: Path | None,
    templates: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Say yes, or yes to some of the remedies alone.

    REVIEW is an id, how one begins, or an order with one that waits. The word becomes an event of the order, with
    the name on it; the mail goes out when the customer is awake. With --kafka it goes to the topic of our own
    events. In a data folder the process that runs there takes it; where none does, it is folded here, and what is
    decided is done by the next run. Of several words about one review the first one counts; the exit code is 1 when
    it was decided before.
    """
    from streams.cli.reviews.deciding import Word, decide, tell
    from streams.settings import load

    settings = load(data=data, kafka=kafka, policy=policy, templates=templates)
    word = Word(approved=True, by=by, note=note, only=only)
    done = decide(settings, review, word, kafka=kafka is not None, dry_run=dry_run)
    return tell(done, word, dry_run=dry_run, as_json=as_json)
