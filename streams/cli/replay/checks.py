"""What can be wrong with the words of a replay before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from streams.ops.history import Extent
from streams.ops.replay.live import MAX_AGE, Purpose
from streams.ops.stretch import Stretch
from streams.policies.durations import parse_duration
from streams.policies.refusal import Refusal
from streams.problems import UsageProblem

STANDARD_STREAM = "-"


def check(
    mode: str,
    sources: Sequence[str],
    until: str | None,
    out: str | None,
    state: Path | None,
    ages: Sequence[str],
    confirm: int | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageProblem: ``replay-mode``, ``output-twice``.
    """
    wrong = [
        flag
        for flag, is_given, wanted in (
            ("--out", out is not None, "rebuild"),
            ("--state", state is not None, "rebuild"),
            ("--max-age", bool(ages), "live"),
            ("--yes", yes, "live"),
            ("--confirm", confirm is not None, "live"),
        )
        if is_given and mode != wanted
    ]
    if wrong:
        raise UsageProblem(
            "replay-mode",
            f"{wrong[0]} does not go with --mode {mode}",
            where=" ".join(wrong),
            why="shadow only compares, rebuild writes files, live writes to the outbox",
            hint=f"add --mode {'rebuild' if wrong[0] in {'--out', '--state'} else 'live'}, or leave it out",
        )
    if until is not None and not sources:
        raise UsageProblem(
            "replay-mode",
            "--until goes with --source",
            where=f"--until {until}",
            why="what was run ends where it was stopped",
            hint="name a stretch instead: ..2026-11-18",
        )
    if sources and mode != "rebuild":
        raise UsageProblem(
            "replay-mode",
            f"a source has nothing for --mode {mode}",
            where=f"--source {sources[0]}",
            why="it was never run: nothing was decided then, and it has no outbox",
            hint="add --mode rebuild; `firstword compare` compares two logs made so",
        )
    if out == STANDARD_STREAM and as_json:
        raise UsageProblem(
            "output-twice",
            "the decisions and the summary cannot both be standard output",
            where="--out - --json",
            hint="write the decisions to a file, or leave out --json",
        )


def check_partitions(stretch: Stretch, there: Sequence[Extent]) -> None:
    """Refuse places in partitions that the history does not have.

    Raises:
        UsageProblem: ``partition-unknown``.
    """
    known = {one.partition for one in there}
    for span in stretch.spans:
        if known and span.partition not in known:
            raise UsageProblem(
                "partition-unknown",
                f"there is no partition {span.partition}",
                where=f"journal:{span.partition}",
                why=f"the history has {', '.join(map(str, sorted(known)))}",
                hint="name one of them; the journal of a data folder has only 0",
            )


def read_ages(texts: Sequence[str]) -> dict[Purpose, timedelta]:
    """Read ``apology=2d`` over the usual ages.

    Raises:
        UsageProblem: ``max-age-unclear``.
    """
    limits = dict(MAX_AGE)
    for text in texts:
        purpose, _, length = text.partition("=")
        if purpose not in limits:
            raise _unclear(text, f"{purpose!r} is none of {', '.join(limits)}")
        try:
            limits[purpose] = parse_duration(length)
        except Refusal as refusal:
            raise _unclear(text, str(refusal)) from refusal
    return limits


def _unclear(text: str, why: str) -> UsageProblem:
    return UsageProblem(
        "max-age-unclear",
        f"--max-age {text} sets no age",
        where=f"--max-age {text}",
        why=why,
        hint="write it as in --max-age apology=2d, or note=36h, or remedy=1w",
    )
