"""``firstword dead-letters show``: one letter, whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.dead_letters.filters import brief, printable
from streams.cli.group import Command
from streams.cli.output import print_document

if TYPE_CHECKING:
    from streams.ops.letters import Letter
    from streams.pipeline.dead_letters import DeadLetter
    from streams.pipeline.ports import Rejected

_NAMES = 12  # columns


@click.command(
    cls=Command,
    examples=(
        "firstword dead-letters show ded_0bb8e3d658db6a64 --data shop",
        "firstword dead-letters show ded_0bb8e3d658db6a64 --kafka localhost:9092 --json",
    ),
)
@click.argument("letter")
@options.data
@options.kafka
@options.as_json
def command(letter: str, data: Path | None, kafka: str | None, *, as_json: bool) -> None:
    """Show one dead letter: its record, where it stood, why it is one, and what to do.

    LETTER is an id, or how one begins. The record is shown as it came, with whatever it holds about a customer;
    JSON is indented. What today's program makes of it is said, too.
    """
    from streams.ops.letters import find, open_letters
    from streams.settings import load

    letters = open_letters(load(data=data, kafka=kafka), kafka=kafka is not None)
    try:
        found = find(letters, letter)
        today = letters.refusal(found.dead)
    finally:
        letters.close()
    if as_json:
        print_document(_document(found, today))
        return
    for line in _lines(found, today):
        click.echo(line)


def _lines(found: Letter, today: Rejected | None) -> Iterator[str]:
    dead = found.dead
    facts = {
        "letter": dead.id,
        "reason": f"{dead.code}: {dead.why}",
        "hint": dead.hint,
        "means": f"`firstword explain {dead.code}`",
        "source": dead.source,
        "place": dead.place,
        "set aside": brief(dead.at) + (f" by firstword {dead.version}" if dead.version else ""),
        "state": found.state + (f" at {brief(found.redriven_at)}" if found.redriven_at else ""),
        "today": _today(dead, today),
    }
    for name, text in facts.items():
        if text:
            yield f"{click.style(f'{name:<{_NAMES}}', dim=True)}{printable(text)}"
    yield ""
    yield printable(pretty(dead.raw))


def _today(dead: DeadLetter, today: Rejected | None) -> str:
    if today is None:
        return "would be understood"
    is_same = (today.code, today.why) == (dead.code, dead.why)
    return "the same" if is_same else f"{today.code}: {today.why}; {today.hint}"


def _document(found: Letter, today: Rejected | None) -> dict[str, Any]:
    import msgspec

    plain = msgspec.structs.asdict(found.dead)
    raw = plain.pop("raw")
    return {
        **plain,
        "state": found.state,
        "redriven_at": found.redriven_at,
        "today": today,
        "size": len(raw),
        "raw": raw.decode("utf-8", "backslashreplace"),
    }


def pretty(raw: bytes) -> str:
    """Return a record as a person reads it: JSON indented, events of ours unpacked, other bytes as they are."""
    import msgspec

    from streams.codec.blocks import decode_entries
    from streams.problems import InputProblem

    try:
        return msgspec.json.format(raw.decode(), indent=2)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        entries = decode_entries(raw)
    except InputProblem:
        return raw.decode("utf-8", "backslashreplace")
    return "\n".join(f"{one.type} {one.order_id} {one.id}\n{pretty(one.data)}" for one in entries)
