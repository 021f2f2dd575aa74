"""``firstword dead-letters list``: how many there are and why, and what waits in sight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.dead_letters.filters import brief, filters, printable, selection
from streams.cli.group import Command
from streams.cli.output import print_document, print_table

if TYPE_CHECKING:
    from streams.ops.letters import Letter, Reason
    from streams.pipeline.correlate import Parked


@click.command(
    cls=Command,
    examples=(
        "firstword dead-letters list --data shop",
        "firstword dead-letters list --data shop --code json-malformed --each",
        "firstword dead-letters list --kafka localhost:9092 --since 2026-11-17 --json",
    ),
)
@options.data
@options.kafka
@filters
@click.option("--each", is_flag=True, help="Show every letter with its id, not only their count.")
@options.as_json
def command(
    data: Path | None,
    kafka: str | None,
    codes: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    *,
    each: bool,
    as_json: bool,
) -> None:
    """Count dead letters by reason, and show the scans that wait for their order.

    With --kafka those of the service, else those of the data folder, where a process may be running. A letter is
    open, or was put back and waits, or is redriven. Nothing is changed.
    """
    from streams.ops.letters import light, open_letters, reasons
    from streams.settings import load

    wanted = selection(codes, sources, since)
    letters = open_letters(load(data=data, kafka=kafka), kafka=kafka is not None)
    try:
        meant = (light(one) for one in letters.letters() if wanted.covers(one.dead))
        listed = list(meant) if each else []
        counted = reasons(listed if each else meant)
        parked = list(letters.parked())
    finally:
        letters.close()
    if as_json:
        print_document(_document(letters.name, counted, listed, parked, each=each))
        return
    _tell(letters.name, counted, listed, parked)


def _tell(name: str, counted: list[Reason], listed: list[Letter], parked: list[Parked]) -> None:
    if listed:
        rows = [
            (one.state, one.dead.id, brief(one.dead.at), one.dead.code, one.dead.source, one.dead.place)
            for one in listed
        ]
        _table(("", "letter", "set aside", "reason", "source", "place"), rows)
    elif counted:
        _table(("open", "waiting", "redriven", "reason", "source", "last", "why"), map(_reason_row, counted))
    else:
        click.echo(f"no dead letters in {name}")
    if parked:
        some = (
            "1 scan waits for its order"
            if len(parked) == 1
            else f"{len(parked):,} scans wait for their order"
        )
        click.echo(f"\n{some}:")
        _table(("tracking number", "event", "place", "since", "a dead letter at"), map(_parked_row, parked))


def _table(columns: tuple[str, ...], rows: Any) -> None:
    print_table(columns, [[printable(cell) for cell in row] for row in rows])


def _reason_row(one: Reason) -> tuple[str, ...]:
    counts = (f"{one.open:,}", f"{one.waiting:,}", f"{one.redriven:,}")
    return (*counts, one.code, one.source, brief(one.last), one.why)


def _parked_row(one: Parked) -> tuple[str, ...]:
    from streams.ops.letters import expires

    event = f"{one.incoming.source} {one.incoming.id}"
    return (one.key, event, one.place, brief(one.since), brief(expires(one)))


def _document(
    name: str, counted: list[Reason], listed: list[Letter], parked: list[Parked], *, each: bool
) -> dict[str, Any]:
    from streams.ops.letters import expires

    found: dict[str, Any] = {
        "in": name,
        "open": sum(one.open for one in counted),
        "waiting": sum(one.waiting for one in counted),
        "redriven": sum(one.redriven for one in counted),
        "reasons": counted,
        "parked": [
            {
                "tracking_number": one.key,
                "event": {"source": one.incoming.source, "id": one.incoming.id},
                "place": one.place,
                "since": one.since,
                "expires": expires(one),
            }
            for one in parked
        ],
    }
    if each:
        found["letters"] = [_plain(one) for one in listed]
    return found


def _plain(one: Letter) -> dict[str, Any]:
    dead = one.dead
    return {
        "id": dead.id,
        "state": one.state,
        "redriven_at": one.redriven_at,
        "at": dead.at,
        "code": dead.code,
        "source": dead.source,
        "place": dead.place,
        "why": dead.why,
        "hint": dead.hint,
    }
