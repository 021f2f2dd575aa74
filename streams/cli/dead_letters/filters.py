"""Which letters a person means, the same words for every command about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from streams.cli.moments import moment_of

if TYPE_CHECKING:
    from streams.ops.letters import Selection

_C = TypeVar("_C", bound=Callable[..., object])
_OPTIONS = (
    click.option("--code", "codes", multiple=True, metavar="CODE", help="Only letters with this reason."),
    click.option("--source", "sources", multiple=True, metavar="NAME", help="Only letters of this source."),
    click.option("--since", metavar="TIME", help="Only letters from this day or instant on."),
)


def filters(command: _C) -> _C:
    """Add ``--code``, ``--source`` and ``--since``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def selection(
    codes: Sequence[str], sources: Sequence[str], since: str | None, ids: Sequence[str] = ()
) -> Selection:
    """Return what was named.

    Raises:
        UsageProblem: ``time-unclear``.
    """
    from streams.ops.letters import Selection

    return Selection(
        ids=tuple(ids), codes=tuple(codes), sources=tuple(sources), since=moment_of("--since", since)
    )


def printable(text: str) -> str:
    """Return what strangers wrote so that no terminal obeys it; line ends and tabs stay."""
    return "".join(one if one.isprintable() or one in "\n\t" else f"\\x{ord(one):02x}" for one in text)


def brief(moment: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
