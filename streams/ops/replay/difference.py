"""Compares two tellings of the same history, order by order: where they part first, and in what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

import msgspec

from streams.ops.replay.explaining import Difference, How, explain
from streams.ops.replay.line import Line, is_same


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of a line once its order's stories have parted; ``counts`` when it lies in the stretch."""

    type: str
    now: datetime
    body: bytes
    letter: bytes | None
    counts: bool


class Parting(msgspec.Struct):
    """An order whose stories have parted: both heads, and a mark for everything from there on, by its id."""

    then: Line | None
    today: Line | None
    marks_then: dict[str, Mark] = {}
    marks_today: dict[str, Mark] = {}


class Waiting(msgspec.Struct):
    """What one side has told of an order and the other not yet."""

    then: list[Line] = []
    today: list[Line] = []


class Tally(msgspec.Struct):
    """Decisions and outcomes, counted within the stretch; ``by_type`` has those then and those today."""

    same: int = 0
    changed: int = 0
    only_then: int = 0
    only_today: int = 0
    orders: int = 0
    earlier: int = 0
    by_type: dict[str, tuple[int, int]] = {}

    def add(self, other: Tally) -> None:
        """Add what was counted elsewhere."""
        for name in ("same", "changed", "only_then", "only_today", "orders", "earlier"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for wire_type, (then, today) in other.by_type.items():
            count(self.by_type, wire_type, then, today)


Covers = Callable[[Line], bool]


class Comparison(msgspec.Struct):
    """Two tellings, fed as they come; only what is not yet told by both is kept, so a good history costs nothing."""

    same: int = 0
    by_type: dict[str, tuple[int, int]] = {}
    waiting: dict[str, Waiting] = {}
    parted: dict[str, Parting] = {}

    def add_then(self, line: Line, covers: Covers) -> None:
        """Take the next thing that was told then."""
        self._add(line, covers, is_today=False)

    def add_today(self, line: Line, covers: Covers) -> None:
        """Take the next thing that is told today."""
        self._add(line, covers, is_today=True)

    def _add(self, line: Line, covers: Covers, *, is_today: bool) -> None:
        parting = self.parted.get(line.story)
        if parting is not None:
            _mark(parting, line, covers, is_today=is_today)
            return
        waits = self.waiting.setdefault(line.story, Waiting())
        (waits.today if is_today else waits.then).append(line)
        if not (waits.then and waits.today):
            return
        then, today = waits.then[0], waits.today[0]
        if not is_same(then, today):
            self._part(line.story, covers)
            return
        del waits.then[0], waits.today[0]
        if covers(today):
            self.same += 1
            count(self.by_type, today.type, 1, 1)
        if not (waits.then or waits.today):
            del self.waiting[line.story]

    def finish(self, covers: Covers) -> tuple[Tally, list[Difference]]:
        """Return what was counted, and the first difference of each order, by their moments.

        Orders that part outside of the stretch are counted as ``earlier`` and not told.
        """
        for story in list(self.waiting):
            self._part(story, covers)
        tally = Tally(same=self.same, by_type=dict(self.by_type))
        found: list[Difference] = []
        for story, parting in sorted(self.parted.items(), key=lambda one: (_head(one[1]).now, one[0])):
            if not covers(_head(parting)):
                tally.earlier += 1
                continue
            own = _count_parting(parting)
            tally.add(own)
            difference = explain(story, _how(parting), _head(parting), parting.then, parting.today)
            found.append(
                msgspec.structs.replace(
                    difference, changed=own.changed, only_then=own.only_then, only_today=own.only_today
                )
            )
        return tally, found

    def _part(self, story: str, covers: Covers) -> None:
        waits = self.waiting.pop(story)
        parting = Parting(
            then=waits.then[0] if waits.then else None, today=waits.today[0] if waits.today else None
        )
        self.parted[story] = parting
        for line in waits.then:
            _mark(parting, line, covers, is_today=False)
        for line in waits.today:
            _mark(parting, line, covers, is_today=True)


def count(by_type: dict[str, tuple[int, int]], wire_type: str, then: int, today: int) -> None:
    """Add to what is counted of a type."""
    before = by_type.get(wire_type, (0, 0))
    by_type[wire_type] = (before[0] + then, before[1] + today)


def _mark(parting: Parting, line: Line, covers: Covers, *, is_today: bool) -> None:
    marks = parting.marks_today if is_today else parting.marks_then
    letter = _digest(line.letter) if line.letter is not None else None
    marks[line.id] = Mark(line.type, line.now, _digest(line.body), letter, covers(line))


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _agree(then: Mark, today: Mark) -> bool:
    """True as :func:`is_same` is."""
    return (
        then.now == today.now
        and then.body == today.body
        and (then.letter is None or today.letter is None or then.letter == today.letter)
    )


def _head(parting: Parting) -> Line:
    """Return the line at which an order's stories part: of two, the one that comes first."""
    heads = [line for line in (parting.today, parting.then) if line is not None]
    return min(heads, key=lambda line: line.now)


def _count_parting(parting: Parting) -> Tally:
    tally = Tally(orders=1)
    then, today = parting.marks_then, parting.marks_today
    for identity, mark in then.items():
        other = today.get(identity)
        # Of what was decided then, the block is only known by its twin.
        if not (mark if other is None else other).counts:
            continue
        if other is None:
            tally.only_then += 1
        elif _agree(mark, other):
            tally.same += 1
        else:
            tally.changed += 1
        count(tally.by_type, mark.type, 1, int(other is not None))
    for identity, mark in today.items():
        if identity not in then and mark.counts:
            tally.only_today += 1
            count(tally.by_type, mark.type, 0, 1)
    return tally


def _how(parting: Parting) -> How:
    then, today = parting.then, parting.today
    if then is None:
        return "new"
    if today is None:
        return "gone"
    if then.id == today.id:
        return "changed"
    is_kept, was_there = then.id in parting.marks_today, today.id in parting.marks_then
    if is_kept and was_there:
        return "moved"
    if is_kept:
        return "new"
    return "gone" if was_there else "replaced"
