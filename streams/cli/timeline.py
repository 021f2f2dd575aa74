"""``firstword timeline``: everything that is known about one order, as a story."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.embedded.journal import Journal
    from streams.ops.timeline import Mail, Timeline

_INDENT = 32  # columns up to what is said: a local time of 20, two spaces, who said it in 9, a space
_COLORS = {"decided": "yellow", "done": "green", "waits": "magenta", "set aside": "red", "now": "cyan"}


@click.command(
    cls=Command,
    examples=(
        "firstword timeline ORD-1001 --data shop",
        "firstword timeline 1Z999AA10123456784 --data shop",
        "firstword timeline msg_0bb8e3d658db6a64 --data shop --json",
    ),
)
@click.argument("order")
@options.data
@options.as_json
def command(order: str, data: Path | None, *, as_json: bool) -> None:
    """Tell everything that is known about one order, in the order in which it happened.

    ORDER is an order id, a tracking number or a message id. What we heard, what we decided and why, what
    became of it by the ledger, and why nothing was sent where nothing was. Times are the customer's own.
    A process may be running on the same data.
    """
    from streams.cli.folder import JOURNAL, LEDGER
    from streams.embedded.journal import Journal
    from streams.ops.timeline import tell
    from streams.settings import load

    folder = load(data=data).data
    if not (folder / JOURNAL).exists():
        raise UsageProblem(
            "data-not-found",
            f"there is no journal in {folder}",
            where=str(folder / JOURNAL),
            hint="name the folder that `firstword run --data` was given",
        )
    journal = Journal(folder / JOURNAL)
    try:
        story = tell(_collect(journal, folder / LEDGER, order))
    finally:
        journal.close()
    if as_json:
        print_document({"asked": order, **_plain(story)})
        return
    for line in _lines(order, story):
        click.echo(line)


def _collect(journal: Journal, ledger: Path, asked: str) -> Any:
    """Read everything that was written about an order, found by any of its names.

    Raises:
        UsageProblem: nothing in the journal is called so; the nearest names are given.
    """
    from streams.core.events import MessageOutcome, MessageQueued
    from streams.ops.timeline import Known
    from streams.pipeline.correlate import normal

    decisions = tuple(journal.decisions(asked))
    owners = dict(journal.owners())
    owner = owners.get(normal(asked))
    parked = tuple(one for one in journal.parked() if one.key == normal(asked))
    order_id = asked
    if not decisions and owner is not None:
        order_id = owner.order_id
    elif not decisions:
        order_id = _order_of_message(journal, asked) or asked
    events, names = _scan(journal, order_id)
    dead = tuple(letter for letter in journal.dead_letters() if _mentions(letter.raw, asked, order_id))
    decisions = decisions or tuple(journal.decisions(order_id))
    if not (events or decisions or parked or dead):
        raise _unknown(asked, [*names, *owners])
    sent = {
        one.fact.message_id: one.fact.order_id
        for one in decisions
        if isinstance(one.fact, (MessageQueued, MessageOutcome))
    }
    return Known(
        order_id=order_id,
        events=events,
        decisions=decisions,
        parked=parked,
        dead=dead,
        mails=_mails(ledger, sent),
    )


def _scan(journal: Journal, order_id: str) -> tuple[Any, set[str]]:
    """Return the order's events, and the names of all orders, in one walk through the journal."""
    found = []
    names: set[str] = set()
    for _, events in journal.blocks():
        for event in events:
            names.add(event.order_id)
            if event.order_id == order_id:
                found.append(event)
    return tuple(found), names


def _order_of_message(journal: Journal, message_id: str) -> str | None:
    return next(
        (
            logged.fact.order_id
            for logged in journal.decisions()
            if getattr(logged.fact, "message_id", None) == message_id
        ),
        None,
    )


def _mentions(raw: bytes, *names: str) -> bool:
    """True when a dead letter speaks of the order: its name stands in it between quotes."""
    return any(f'"{name}"'.encode() in raw for name in names)


def _mails(path: Path, message_ids: Iterable[str]) -> dict[str, Mail]:
    from streams.mail.ledger_sql import open_ledger
    from streams.ops.timeline import Mail

    if not path.exists():
        return {}
    ledger = open_ledger(str(path), synchronous="NORMAL")
    try:
        rows = [row for message_id in message_ids if (row := ledger.find(message_id)) is not None]
    finally:
        ledger.close()
    return {
        row.message_id: Mail(
            message_id=row.message_id,
            state=row.state,
            attempt=row.attempt,
            reply=row.reply,
            subject=row.subject,
            next_attempt_at=row.next_attempt_at,
        )
        for row in rows
    }


def _unknown(asked: str, names: list[str]) -> UsageProblem:
    # Half an id is the commonest mistake; a slip of the finger comes second.
    begun = sorted((name for name in names if name.startswith(asked)), key=lambda name: (len(name), name))
    near = [*begun, *difflib.get_close_matches(asked, names, n=3, cutoff=0.5)][:3]
    return UsageProblem(
        "order-not-found",
        f"nothing in this journal is called {asked}",
        why="it is no order, no tracking number and no message id here",
        hint=f"the nearest are {', '.join(near)}" if near else "look at the id again, and at --data",
    )


def _plain(story: Timeline) -> dict[str, Any]:
    import msgspec

    return msgspec.structs.asdict(story)


def _lines(asked: str, story: Timeline) -> Iterable[str]:
    known_as = f" (asked for {asked})" if asked != story.order_id else ""
    yield f"order {story.order_id}{known_as}, times in {story.time_zone}"
    yield ""
    for entry in story.entries:
        yield _line(entry.local, entry.who, entry.says)
        for reason in entry.because:
            yield f"{'':{_INDENT}}  {click.style(reason, dim=True)}"
    yield ""
    for sentence in story.standing:
        yield _line("", "now", sentence)


def _line(when: str, who: str, says: str) -> str:
    color = _COLORS.get(who)
    return f"{click.style(f'{when:<20}', dim=True)}  {click.style(f'{who:<9}', fg=color)} {says}"
