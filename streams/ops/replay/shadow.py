"""Today's code and policy against what was decided then: where each order's story parts first, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import msgspec

from streams.ops.history import Decided, Extent, History
from streams.ops.replay.crew import Report, Stop, fold_all
from streams.ops.replay.difference import Comparison, Tally
from streams.ops.replay.explaining import Difference
from streams.ops.replay.folding import Folding
from streams.ops.replay.line import Line, is_progress, line_of
from streams.ops.replay.today import own_words
from streams.ops.replay.travel import Arrived, Came, Route, travel
from streams.ops.stretch import Stretch
from streams.problems import UsageProblem


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """What a shadow replay found; ``differences`` are the first ones, by their moments.

    ``policy`` is today's, and ``policy_says`` what the standard one does not; that of then was not written down.
    ``beyond`` are decisions that were made then behind the end we read to, and ``unwritten`` those of today behind
    the last that was written down then: a fold that is behind looks like one that decided less.
    """

    history: str
    policy: str
    policy_says: dict[str, str]
    tally: Tally
    differences: tuple[Difference, ...]
    came: tuple[Came, ...]
    recorded: int
    beyond: int
    unwritten: int


class Part(msgspec.Struct, kw_only=True):
    """What one partition says; news of replacements may be written down in another partition than it is decided."""

    tally: Tally
    differences: list[Difference]
    recorded: int
    beyond: int
    unwritten: int
    progress_then: list[Line]
    progress_today: list[Line]


class _Kept(msgspec.Struct):
    comparison: Comparison
    taken: int
    recorded: int
    last: datetime | None
    unwritten: int
    progress_then: list[Line]
    progress_today: list[Line]


class ShadowTask:
    """Feeds a comparison from both sides, in step with recorded time."""

    def __init__(self, history: History, partition: int, stretch: Stretch, *, alone: bool) -> None:
        self.lines: list[tuple[datetime, bytes]] = []
        self._history = history
        self._partition = partition
        self._stretch = stretch
        self._alone = alone  # the only partition: whatever is decided here is written down here
        self._state = _Kept(Comparison(), 0, 0, None, 0, [], [])
        self._peek: _Peek | None = None

    def take(self, position: int, now: datetime | None, decided: list[Decided]) -> None:
        """Compare what a block leads to today with what was written down until then."""
        state = self._state
        for made in decided:
            line = line_of(made, position)
            if self._is_for_later(made):
                state.progress_today.append(line)
            else:
                state.comparison.add_today(line, self.covers)
        if now is not None:
            self._catch_up(now, position)
        state.unwritten += sum(state.last is None or one.now > state.last for one in decided)

    def keep(self) -> bytes:
        """Return both sides as far as they came."""
        return msgspec.msgpack.encode(self._state)

    def recall(self, kept: bytes) -> None:
        """Go on with both sides; what was compared then is skipped, not compared again."""
        self._state = msgspec.msgpack.decode(kept, type=_Kept)

    def finish(self, folding: Folding) -> Part:  # noqa: ARG002 - a task's signature
        """Return what was found; what was decided behind the end we read to is only counted."""
        state = self._state
        ends_early = bool(self._stretch.spans) or self._stretch.until is not None
        beyond = 0 if ends_early else sum(self._stretch.covers_order(one.order_id) for one in self._recorded)
        tally, differences = state.comparison.finish(self.covers)
        return Part(
            tally=tally,
            differences=differences,
            recorded=state.recorded,
            beyond=beyond,
            unwritten=0 if ends_early else state.unwritten,
            progress_then=state.progress_then,
            progress_today=state.progress_today,
        )

    def covers(self, line: Line) -> bool:
        """True when a line lies in the stretch that is asked about."""
        return self._stretch.covers(self._partition, line.position, line.now, line.story)

    def _catch_up(self, now: datetime, position: int) -> None:
        state = self._state
        while (one := self._recorded.head) is not None and one.now <= now:
            self._recorded.drop()
            state.taken += 1
            state.last, state.unwritten = one.now, 0
            line = line_of(one, position)
            if not self._stretch.covers_order(line.story):
                continue
            state.recorded += 1
            if self._is_for_later(one):
                state.progress_then.append(line)
            else:
                state.comparison.add_then(line, self.covers)

    @property
    def _recorded(self) -> _Peek:
        if self._peek is None:
            told = self._history.decided(self._partition)
            self._peek = _Peek(islice(told, self._state.taken, None))
        return self._peek

    def _is_for_later(self, one: Decided) -> bool:
        return not self._alone and is_progress(one)


class _Peek:
    """An iterator whose next thing can be looked at."""

    def __init__(self, source: Iterator[Decided]) -> None:
        self._source = source
        self.head = next(source, None)

    def drop(self) -> None:
        self.head = next(self._source, None)

    def __iter__(self) -> Iterator[Decided]:
        while self.head is not None:
            yield self.head
            self.drop()


def shadow(
    route: Route,
    extents: tuple[Extent, ...],
    *,
    jobs: int,
    report: Report,
    stop: Stop,
    limit: int | None = None,
) -> Shadow | None:
    """Compare a history with its own decisions; None when we were asked to stop before the end.

    Raises:
        UsageProblem: ``shadow-without-decisions``: nothing was decided then.
        streams.problems.Problem: whatever keeps the history from being read.
    """
    there = len(route.history.extents())
    alone = there == 1

    def job(extent: Extent, tell: Report, ask: Stop) -> Arrived[Part]:
        task = ShadowTask(route.history, extent.partition, route.stretch, alone=alone)
        return travel(route, extent, task, tell, ask)

    arrived = fold_all(job, extents, jobs=jobs, report=report, stop=stop)
    parts = [one.result for one in arrived if one.result is not None]
    if len(parts) < len(arrived):
        return None
    whole = len(parts) == there
    found = _merge(route, parts if whole else [_without_progress(one) for one in parts], arrived, limit)
    if not (found.recorded or found.beyond) and found.tally.only_today:
        raise _nothing_recorded(route.history)
    return found


def _without_progress(part: Part) -> Part:
    """Return a part without news of replacements: where some partitions are left out, one side would be missing."""
    return msgspec.structs.replace(part, progress_then=[], progress_today=[])


def _merge(route: Route, parts: list[Part], arrived: list[Arrived[Part]], limit: int | None) -> Shadow:
    tally = Tally()
    differences: list[Difference] = []
    for part in parts:
        tally.add(part.tally)
        differences += part.differences
    progress, news = _progress(route, parts)
    known = {one.order_id for one in differences}
    progress.orders -= sum(one.order_id in known for one in news)
    tally.add(progress)
    differences += (one for one in news if one.order_id not in known)
    differences.sort(key=lambda one: (one.at, one.order_id))
    return Shadow(
        history=route.history.name,
        policy=route.policy.version,
        policy_says=own_words(route.policy),
        tally=tally,
        differences=tuple(differences if limit is None else differences[:limit]),
        came=tuple(one.came for one in arrived),
        recorded=sum(part.recorded for part in parts),
        beyond=sum(part.beyond for part in parts),
        unwritten=sum(part.unwritten for part in parts),
    )


def _progress(route: Route, parts: list[Part]) -> tuple[Tally, list[Difference]]:
    """Compare news of replacements, which one partition decides and another writes down."""
    stretch, comparison = route.stretch, Comparison()

    def covers(line: Line) -> bool:
        # Their blocks stand in another partition than what they are compared with: only time can be asked about.
        return stretch.covers_time(line.now)

    for part in parts:
        for line in part.progress_today:
            comparison.add_today(line, covers)
    for line in sorted((one for part in parts for one in part.progress_then), key=lambda one: one.now):
        comparison.add_then(line, covers)
    return comparison.finish(covers)


def _nothing_recorded(history: History) -> UsageProblem:
    return UsageProblem(
        "shadow-without-decisions",
        f"nothing was decided then in {history.name}",
        why="a source that was never run has no decisions to compare with",
        hint="`firstword replay --mode rebuild` says what would be decided; `firstword compare` compares two such logs",
    )
