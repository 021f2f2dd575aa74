"""``firstword run``: the whole product in one process, no broker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.moments import moment_of
from streams.cli.output import print_document, progress, unwritable
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.cli.room import Room
    from streams.settings import Settings

STANDARD_STREAM = "-"


@click.command(
    cls=Command,
    examples=(
        "firstword run --data shop --source native=events.ndjson --clock history",
        "firstword run --data shop --source csv_history=olist/ --clock history --until 2018-12-31 --json",
        "tail -F events.ndjson | firstword run --data shop --source native=- --mail smtp://relay.example.com:587",
        "firstword run --data shop --http :8080 --mail maildir:/var/mail/shop",
    ),
)
@options.data
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME=PATH",
    help="What to read: a file, a folder or -; a path alone is native. May be given several times.",
)
@options.mail
@options.policy
@options.templates
@click.option(
    "--clock",
    type=click.Choice(["wall", "history"]),
    default="wall",
    show_default=True,
    help="Whose time it is: the clock on the wall, or that of the events themselves.",
)
@click.option(
    "--until", metavar="TIME", help="Where a history ends; without it, 60 days after its last event."
)
@click.option("--http", metavar="ADDRESS", help="Take webhooks at host:port (FIRSTWORD_HTTP).")
@click.option(
    "--decisions",
    metavar="FILE",
    help="Write the public decision log there afterwards, as CloudEvents; or -.",
)
@options.as_json
def command(
    data: Path | None,
    sources: tuple[str, ...],
    mail: str | None,
    policy: Path | None,
    templates: Path | None,
    clock: str,
    until: str | None,
    http: str | None,
    decisions: str | None,
    *,
    as_json: bool,
) -> None:
    """Take events in, decide, and write to customers: the whole product in one process.

    DIR holds everything; running again with the same DIR goes on where it stopped. With the clock of a
    history, time is the events' own and runs on through silence, and the command ends with a summary. At
    the wall clock it ends with its sources, or never with --http or standard input. SIGTERM and SIGINT
    finish what is begun; a second one gives up.
    """
    from streams import telemetry
    from streams.cli.room import count_lines, enter, leave_reader_behind
    from streams.settings import load

    end = moment_of("--until", until)
    settings = load(data=data, mail_url=mail, policy=policy, templates=templates, http=http)
    address = settings.http if clock == "wall" else None
    _check(clock, end, http)
    _check_something(settings.data, end, sources, address)
    _check_output(decisions, as_json=as_json)
    telemetry.configure(_level(settings, clock))
    with (
        progress(
            "events", _total(sources, count_lines), shown=STANDARD_STREAM not in _places(sources)
        ) as move,
        enter(settings, sources, move) as room,
    ):
        asyncio.run(room.history(end) if clock == "history" else room.wall(address))
        summary = room.summary()
        if decisions is not None:
            _write(decisions, room)
        reading = room.runner.stop.is_set() and STANDARD_STREAM in _places(sources)
    _tell(summary, as_json=as_json, aside=decisions == STANDARD_STREAM)
    if reading:
        leave_reader_behind(0)


def _tell(summary: object, *, as_json: bool, aside: bool) -> None:
    from streams.embedded.summary import Summary, as_lines

    assert isinstance(summary, Summary)
    if as_json:
        print_document(summary)
        return
    for line in as_lines(summary):
        click.echo(line, err=aside)


def _check(clock: str, until: datetime | None, http: str | None) -> None:
    if clock == "history" and http is not None:
        raise UsageProblem(
            "clock-and-http",
            "webhooks do not come at a history's own time",
            where=f"--http {http}",
            hint="leave out --http, or use --clock wall",
        )
    if clock == "wall" and until is not None:
        raise UsageProblem(
            "clock-and-until",
            "the clock on the wall has no end",
            where="--until",
            hint="use --clock history, or stop the process when it is enough",
        )


def _check_something(
    data: Path, until: datetime | None, sources: tuple[str, ...], address: str | None
) -> None:
    """Refuse a run with nothing to do: no source, no address, no time to come to, and nothing left over."""
    from streams.cli.folder import JOURNAL
    from streams.embedded.inbox import waiting
    from streams.embedded.journal import owes

    if sources or address is not None or until is not None:
        return
    if not waiting(data) and not owes(data / JOURNAL):
        raise UsageProblem(
            "nothing-to-read",
            "there is nothing to read and nowhere to listen",
            where="firstword run",
            hint="add --source native=events.ndjson or --http :8080; `firstword demo` brings its own events",
        )


def _check_output(decisions: str | None, *, as_json: bool) -> None:
    if decisions == STANDARD_STREAM and as_json:
        raise UsageProblem(
            "output-twice",
            "the decisions and the summary cannot both be standard output",
            where="--decisions - --json",
            hint="write the decisions to a file, or leave out --json",
        )


def _level(settings: Settings, clock: str) -> str:
    """A history is over in moments and its summary says it all: its INFO lines are left out."""
    return "WARN" if clock == "history" and settings.log_level == "INFO" else settings.log_level


def _places(sources: tuple[str, ...]) -> list[str]:
    return [text.partition("=")[2] if "=" in text else text for text in sources]


def _total(sources: tuple[str, ...], count: object) -> int | None:
    """Return how many events the sources hold, where that can be known and a bar will show it."""
    assert callable(count)
    if not sys.stderr.isatty():
        return None
    counts = [count(Path(place)) for place in _places(sources)]
    return None if None in counts else sum(counts)


def _write(target: str, room: Room) -> None:
    if target == STANDARD_STREAM:
        for line in _lines(room):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(_lines(room))
    except OSError as error:
        raise unwritable(path, error) from error


def _lines(room: Room) -> Iterator[bytes]:
    for event in room.decisions():
        yield event + b"\n"
