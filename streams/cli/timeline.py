"""``firstword timeline``: everything that is known about one order, as a story."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document

if TYPE_CHECKING:
    from streams.ops.inquiry import Book
    from streams.ops.read_model.portions import Feed
    from streams.ops.timeline import Entry, Timeline
    from streams.settings import Settings

READ_MODEL = "readmodel.sqlite"  # as `firstword console` calls it
_INDENT = 32  # columns up to what is said: a local time of 20, two spaces, who said it in 9, a space
_TODAY = {"": "", "same": "", "otherwise": "; today's decides otherwise"}
_COLORS = {"decided": "yellow", "done": "green", "waits": "magenta", "set aside": "red", "now": "cyan"}


@click.command(
    cls=Command,
    examples=(
        "firstword timeline ORD-1001 --data shop",
        "firstword timeline 1Z999AA10123456784 --data shop",
        "firstword timeline ines@example.com --data shop",
        "firstword timeline ORD-1001 --kafka localhost:9092",
        "firstword timeline msg_0bb8e3d658db6a64 --data shop --json",
    ),
)
@click.argument("order")
@options.data
@options.kafka
@options.policy
@options.as_json
def command(order: str, data: Path | None, kafka: str | None, policy: Path | None, *, as_json: bool) -> None:
    """Tell everything that is known about one order, in the order in which it happened.

    ORDER is an order id, a tracking number, the customer's email or a message id. What we heard, what we
    decided and why, by which rule and whether today's policy would do the same; what became of it by the
    ledger, and why nothing was sent where nothing was. Times are the customer's own.

    With --kafka it is read out of the topics, without a trace, else out of the data folder, in which a
    process may be running. Where `firstword console` keeps a read model, that answers at once.
    """
    from streams.cli.folder import LEDGER
    from streams.ops.inquiry import inquire
    from streams.ops.read_model.mails import Mails
    from streams.ops.timeline import tell
    from streams.settings import load
    from streams.wiring import policy_of

    settings = load(data=data, kafka=kafka, policy=policy)
    # On one machine the ledger is always in its folder.
    shared = settings.database.reveal() if kafka is not None and settings.database is not None else None
    mails = Mails(shared or str(settings.data / LEDGER))
    try:
        known = inquire(_book(settings, kafka=kafka is not None), order, mails)
    finally:
        mails.close()
    story = tell(known, policy_of(settings))
    if as_json:
        print_document({"asked": order, **_plain(story)})
        return
    for line in _lines(order, story):
        click.echo(line)


def _book(settings: Settings, *, kafka: bool) -> Book:
    """Return the read model where there is one, else the history itself.

    Raises:
        UsageProblem: ``data-not-found``: there is no history.
        WorldProblem: it cannot be read.
    """
    from streams.ops.inquiry import Walk, open_tables
    from streams.ops.letters import open_letters
    from streams.ops.opening import open_history
    from streams.service.partition import partition_of

    data = None if kafka else settings.data
    history = open_history(data=data, kafka=kafka, sources=(), settings=settings)
    tables = open_tables(place_of(settings), lambda: feed_of(settings, kafka=kafka))
    if tables is not None:
        return tables
    count = max((extent.partition for extent in history.extents()), default=0) + 1
    return Walk(history, open_letters(settings, kafka=kafka), lambda order_id: partition_of(order_id, count))


def place_of(settings: Settings) -> str:
    """Return where `firstword console` keeps the read model."""
    return str(settings.data / READ_MODEL) if settings.database is None else settings.database.reveal()


def feed_of(settings: Settings, *, kafka: bool) -> Feed:
    """Return what the read model is filled from: the topics, or the journal of the data folder."""
    if kafka:
        from streams.ops.read_model.feed_kafka import TopicsFeed

        return TopicsFeed(settings)
    from streams.cli.folder import JOURNAL
    from streams.ops.read_model.feed_file import JournalFeed

    return JournalFeed(settings.data / JOURNAL)


def _plain(story: Timeline) -> dict[str, Any]:
    import msgspec

    return msgspec.structs.asdict(story)


def _lines(asked: str, story: Timeline) -> Iterable[str]:
    known_as = f" (asked for {asked})" if asked != story.order_id else ""
    yield f"order {story.order_id}{known_as}, times in {story.time_zone}"
    yield ""
    for entry in story.entries:
        yield _line(entry.local, entry.who, entry.says)
        for reason in (*entry.because, *_rule(entry)):
            yield f"{'':{_INDENT}}  {click.style(reason, dim=True)}"
    yield ""
    for sentence in story.standing:
        yield _line("", "now", sentence)


def _rule(entry: Entry) -> Iterable[str]:
    """Say which rule of the policy is behind a decision, and whether it would still decide so."""
    if entry.rule:
        yield f"by the policy's [{entry.rule.replace(', ', '], [')}]" + _TODAY[entry.today]
    elif entry.today == "otherwise":
        yield "today's policy decides otherwise"


def _line(when: str, who: str, says: str) -> str:
    color = _COLORS.get(who)
    return f"{click.style(f'{when:<20}', dim=True)}  {click.style(f'{who:<9}', fg=color)} {says}"
