"""Two decision logs side by side: what both say, what one of them says alone, and where each order differs first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from streams.codec.envelope import decode_envelope
from streams.codec.registry import DECISION_TYPES, OUTCOME_TYPES, decode_fact
from streams.ops.history import Decided
from streams.ops.log_file import ONLY, JournalFile
from streams.ops.opening import JOURNAL
from streams.ops.replay.difference import Comparison, Tally
from streams.ops.replay.explaining import Difference
from streams.ops.replay.line import Line, line_of
from streams.problems import InputProblem, UsageProblem, WorldProblem

_OURS = DECISION_TYPES | OUTCOME_TYPES


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What two logs have in common and what not; ``then`` in all parts is the first one, ``today`` the second."""

    first: str
    second: str
    tally: Tally
    differences: tuple[Difference, ...]


def compare(first: Path, second: Path, *, limit: int | None = None) -> Compared:
    """Compare two logs: each a file of CloudEvents, one per line, or a data folder. Letters are left out.

    ``limit`` is how many orders are shown; all are counted.

    Raises:
        UsageProblem: ``log-not-found``.
        InputProblem: ``decision-log-unreadable``, with the line.
        WorldProblem: ``journal-unreadable``, ``file-unreadable``.
    """
    comparison = Comparison()
    one, other = read_log(first), read_log(second)
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:  # in step, so that only what differs is held in memory
        if right is None or (left is not None and left.now <= right.now):
            assert left is not None
            comparison.add_then(left, _everything)
            left = next(one, None)
        else:
            comparison.add_today(right, _everything)
            right = next(other, None)
    tally, differences = comparison.finish(_everything)
    shown = differences if limit is None else differences[:limit]
    return Compared(first=str(first), second=str(second), tally=tally, differences=tuple(shown))


def read_log(place: Path) -> Iterator[Line]:
    """Yield the decisions and outcomes of a log in its order, each id once; ``position`` is the line.

    Raises:
        UsageProblem, InputProblem, WorldProblem: as :func:`compare`.
    """
    told: Iterator[tuple[int, Decided]]
    if place.is_dir():
        told = enumerate(JournalFile(place / JOURNAL).decided(ONLY), 1)
    elif place.is_file():
        told = _lines(place)
    else:
        raise UsageProblem(
            "log-not-found",
            f"there is no log at {place}",
            where=str(place),
            hint="name a file that `firstword run --decisions` wrote, or a folder that `firstword run --data` was given",
        )
    seen: set[str] = set()
    for number, one in told:
        if one.id not in seen:
            seen.add(one.id)
            yield msgspec.structs.replace(line_of(one, number), letter=None)


def _everything(_line: Line) -> bool:
    return True


def _lines(path: Path) -> Iterator[tuple[int, Decided]]:
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, 1):
                if raw.strip():
                    yield number, _decided(raw, f"{path}:{number}")
    except OSError as error:
        raise WorldProblem(
            "file-unreadable",
            f"{path} cannot be read",
            where=str(path),
            why=error.strerror or str(error),
            hint="check its rights and the disk",
        ) from error


def _decided(raw: bytes, where: str) -> Decided:
    try:
        envelope = decode_envelope(raw)
        if envelope.type not in _OURS:
            raise _unreadable(where, f"{envelope.type} is neither a decision nor an outcome")
        fact = decode_fact(envelope.type, bytes(envelope.data))
    except InputProblem as problem:
        raise _unreadable(where, problem.why or problem.what) from problem
    order_id = fact.order_id if envelope.subject is None else envelope.subject
    return Decided(id=envelope.id, order_id=order_id or "", type=envelope.type, now=envelope.time, fact=fact)


def _unreadable(where: str, why: str) -> InputProblem:
    return InputProblem(
        "decision-log-unreadable",
        "this is no log of decisions",
        where=where,
        why=why,
        hint="such a log is written by `firstword run --decisions FILE` and `firstword replay --mode rebuild --out FILE`",
    )
