"""``firstword dead-letters redrive``: another try after a fix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli import options
from streams.cli.dead_letters.filters import filters, printable, selection
from streams.cli.group import Command
from streams.cli.output import print_document, print_table
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.cli.dead_letters.taking import Taken
    from streams.ops.redrive import Plan

_SHOWN = 10  # refused letters on a terminal; --json has all


@click.command(
    cls=Command,
    examples=(
        "firstword dead-letters redrive --all --data shop",
        "firstword dead-letters redrive --code json-malformed --data shop --yes",
        "firstword dead-letters redrive ded_0bb8e3d658db6a64 --kafka localhost:9092 --yes",
    ),
)
@click.argument("ids", metavar="[LETTER]...", nargs=-1)
@options.data
@options.kafka
@filters
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do it; without, only say what would come of it.")
@options.policy
@options.as_json
def command(
    ids: tuple[str, ...],
    data: Path | None,
    kafka: str | None,
    codes: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    policy: Path | None,
    *,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Give dead letters another try under the same ids; without --yes, only say what would come of it.

    Today's program is tried on each record first; what it does not understand either stays where it is. With
    --kafka the others go back to their topics. In a data folder the process that runs there takes them; where none
    does, they are folded here, by the policy that --policy names as for `firstword run`, and what is decided is
    done by the next run. An event that is known already decides nothing: doing it twice changes nothing. The exit
    code is 1 when something stays.
    """
    from streams.clock import wall_now
    from streams.ops.letters import open_letters
    from streams.ops.redrive import plan, redrive
    from streams.settings import load

    if not (ids or codes or sources or since or everything):
        raise _unnamed()
    wanted = selection(codes, sources, since, ids)
    settings = load(data=data, kafka=kafka, policy=policy)
    letters = open_letters(settings, kafka=kafka is not None)
    try:
        planned = plan(letters, wanted)
        count = redrive(letters, planned, wall_now()) if yes else 0
    finally:
        letters.close()
    taken = None
    if yes and kafka is None:
        from streams.cli.dead_letters.taking import take

        taken = take(settings)
    if as_json:
        print_document(_document(planned, count, taken, dry_run=not yes))
    else:
        _tell(planned, count, taken, dry_run=not yes)
    return 1 if planned.refused else 0


def _tell(planned: Plan, count: int, taken: Taken | None, *, dry_run: bool) -> None:
    if dry_run:
        click.echo(f"would put back {len(planned.ready):,}; nothing was done, add --yes to do it")
    else:
        click.echo(f"put back {count:,}" + (f"; {taken.says()}" if taken is not None and count else ""))
    if planned.done:
        click.echo(f"{len(planned.done):,} were put back before")
    if planned.refused:
        click.echo(f"{len(planned.refused):,} stay:")
        rows = [
            (one.dead.id, one.reason.code, printable(one.reason.why), printable(one.reason.hint))
            for one in planned.refused[:_SHOWN]
        ]
        print_table(("letter", "today's reason", "why", "what to do"), rows)
        if len(planned.refused) > _SHOWN:
            click.echo(f"and {len(planned.refused) - _SHOWN:,} more; --json shows all")


def _document(planned: Plan, count: int, taken: Taken | None, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "ready": [one.id for one in planned.ready],
        "put_back": count,
        "before": [one.dead.id for one in planned.done],
        "refused": [
            {"id": one.dead.id, "code": one.reason.code, "why": one.reason.why, "hint": one.reason.hint}
            for one in planned.refused
        ],
        "taken": taken,
    }


def _unnamed() -> UsageProblem:
    return UsageProblem(
        "letters-unnamed",
        "it is not said which letters are meant",
        where="firstword dead-letters redrive",
        hint="name ids, or --code, --source or --since, or --all; `firstword dead-letters list` shows what there is",
    )
