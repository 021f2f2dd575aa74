"""``firstword reviews refuse``: a person says no."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.reviews import asking


@click.command(
    cls=Command,
    examples=(
        "firstword reviews refuse ORD-1001 --by mo --data shop --dry-run",
        'firstword reviews refuse rev_0bb8e3d658db6a64 --by mo --note "told on the phone" --data shop',
        "firstword reviews refuse ORD-1001 --by mo --kafka localhost:9092",
    ),
)
@asking.review
@asking.by
@asking.note
@asking.places
@options.dry_run
@options.as_json
def command(
    review: str,
    by: str,
    note: str,
    data: Path | None,
    kafka: str | None,
    policy: Path | None,
    templates: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Say no: nothing is sent, and nothing is set in motion.

    REVIEW is an id, how one begins, or an order with one that waits. The word becomes an event of the order, with
    the name on it, and the trouble stays open in the books. Of several words about one review the first one
    counts; the exit code is 1 when it was decided before.
    """
    from streams.cli.reviews.deciding import Word, decide, tell
    from streams.settings import load

    settings = load(data=data, kafka=kafka, policy=policy, templates=templates)
    word = Word(approved=False, by=by, note=note)
    done = decide(settings, review, word, kafka=kafka is not None, dry_run=dry_run)
    return tell(done, word, dry_run=dry_run, as_json=as_json)
