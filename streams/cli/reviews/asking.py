"""Which review and which remedies a person means, the same words for every command about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from streams.cli import options
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.ops.reviews import Review

_C = TypeVar("_C", bound=Callable[..., object])
ASKED_OTHERWISE = "by today's policy the order does not wait for this: another policy asked, so nobody can say what would follow"

review = click.argument("review")
by = click.option("--by", metavar="NAME", required=True, help="Who decides; kept with the order.")
note = click.option("--note", metavar="TEXT", default="", help="Why; kept with the order.")
only = click.option(
    "--only",
    metavar="REMEDY,...",
    help="A yes to these of the proposed remedies alone; an empty one is a yes to the mail.",
)


def places(command: _C) -> _C:
    """Add what says where to look and how to judge: ``--data``, ``--kafka``, ``--policy``, ``--templates``."""
    for option in (options.templates, options.policy, options.kafka, options.data):
        command = option(command)
    return command


def remedies_of(text: str | None, found: Review) -> tuple[str, ...] | None:
    """Return the remedies that ``--only`` names; None without it, which means all.

    Raises:
        UsageProblem: ``remedy-not-proposed``.
    """
    if text is None:
        return None
    named = tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    strange = [one for one in named if one not in found.remedies]
    if strange:
        raise UsageProblem(
            "remedy-not-proposed",
            f"{', '.join(strange)} was not proposed",
            where=f"--only {text}",
            why="a person narrows what the policy proposes, and adds nothing to it",
            hint=f"proposed are: {', '.join(found.remedies) or 'none'}",
        )
    return named
