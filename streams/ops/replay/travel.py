"""The way through one partition: blocks in their order to the captured end, with pauses to write down how far."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import msgspec

from streams.clock import stopwatch
from streams.core.policy import Policy
from streams.ops.history import Batch, Decided, Extent, History
from streams.ops.replay.bookmark import Bookmark, Page
from streams.ops.replay.crew import Moved, Report, Stop
from streams.ops.replay.folding import Folding, Retelling
from streams.ops.stretch import Stretch

_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")
_TELL_EVERY = 0.2  # seconds between two words about how far we are
_LINES = 50_000  # lines of output held in memory before they are written


class Task(Protocol[_T_co]):
    """What a mode makes of one partition."""

    lines: list[tuple[datetime, bytes]]
    """Output that is not yet written; emptied by whoever writes it."""

    def take(self, position: int, now: datetime | None, decided: list[Decided]) -> None:
        """Take what a block led to; ``now`` is how far time has come behind it."""
        ...

    def keep(self) -> bytes:
        """Return what is needed to go on another day."""
        ...

    def recall(self, kept: bytes) -> None:
        """Take up what :meth:`keep` returned."""
        ...

    def finish(self, folding: Folding) -> _T_co:
        """Return the result; nothing comes behind it."""
        ...


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """How far a partition has come, and what could not be folded on the way."""

    partition: int
    position: int
    now: datetime | None
    events: int
    orders: int
    seconds: float
    letters: dict[str, int]
    examples: tuple[str, ...]


class Arrived(msgspec.Struct, Generic[_T]):
    """A partition's result; None when we were asked to stop before its end."""

    came: Came
    result: _T | None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What all partitions of a replay have in common."""

    history: History
    policy: Policy
    stretch: Stretch
    bookmark: Bookmark | None = None
    keeps_state: bool = False
    save_every: float = 20.0
    """Seconds between two bookmarks: what a kill costs."""
    to_the_end: bool = False
    """What came behind the stretch matters, too: a mail may have been answered or withdrawn since."""
    retold: bool = False
    """The history was never journaled: nobody ticked, so time passes by itself, up to ``until`` behind its end."""
    until: datetime | None = None

    def end_of(self, partition: int) -> int:
        """Return the position behind the last block of a partition."""
        return next((one.end for one in self.history.extents() if one.partition == partition), 0)

    @property
    def only(self) -> Collection[str]:
        """The orders that are folded; empty means all."""
        return self.stretch.orders


def travel(route: Route, extent: Extent, task: Task[_T], report: Report, stop: Stop) -> Arrived[_T]:
    """Fold a partition from its beginning, or from its bookmark, and return what the task made of it."""
    began = stopwatch()
    journey = _Journey(route, extent, task, report)
    ended = journey.run(stop)
    journey.tell()
    # Before the end is drawn: a replay that goes on for another partition draws it anew.
    journey.save()
    result = task.finish(journey.folding) if ended else None
    journey.write_lines()
    return Arrived(came=journey.came(stopwatch() - began), result=result)


class _Journey:
    def __init__(self, route: Route, extent: Extent, task: Task[_T], report: Report) -> None:
        self.route = route
        self.extent = extent
        self.task = task
        self.report = report
        self.position = extent.first - 1  # the last block that is folded
        self.former = 0
        self.former_letters: dict[str, int] = {}
        self.folding = self._begin()
        self.started = self.position
        self.told = self.saved = stopwatch()

    def run(self, stop: Stop) -> bool:
        """Fold to the end; False when we were asked to stop before it."""
        over: datetime | None = None
        partition, stretch, folding = self.extent.partition, self.route.stretch, self.folding
        if self.position + 1 >= self.extent.end:
            return True
        for batch in self.route.history.batches(partition, start=self.position + 1):
            if batch.position >= self.extent.end:
                break
            self._fold(batch)
            now = folding.now
            # What was decided then has no position: all of the last moment is folded, so that it finds its twin.
            if over is None and now is not None and not self.route.to_the_end:
                over = now if stretch.is_behind(partition, batch.position, now) else None
            if over is not None and now is not None and now > over:
                break
            if stop.asked:
                return False
        return True

    def tell(self) -> None:
        """Say how far we are."""
        self.report(Moved(self.extent.partition, self.started + 1, self.position + 1, self.folding.events))

    def save(self) -> None:
        """Write down how far we are, for another day; without a bookmark that keeps it, output alone."""
        bookmark, processor = self.route.bookmark, self.folding.processor
        if bookmark is not None and self.route.keeps_state:
            touched, processor.touched = processor.touched, set()
            orders = (processor.orders[order_id] for order_id in sorted(touched))
            bookmark.save(self.extent.partition, self._page(), orders, self.task.lines)
            self.task.lines = []
        self.write_lines()
        self.saved = stopwatch()

    def write_lines(self) -> None:
        """Write output that no page stands for."""
        if self.route.bookmark is not None and self.task.lines:
            self.route.bookmark.put_lines(self.extent.partition, self.task.lines)
            self.task.lines = []

    def came(self, seconds: float) -> Came:
        return Came(
            partition=self.extent.partition,
            position=self.position,
            now=self.folding.now,
            events=self.former + self.folding.events,
            orders=len(self.folding.processor.orders),
            seconds=seconds,
            letters=self._letters(),
            examples=tuple(f"{one.place}: {one.code}: {one.why}" for one in self.folding.letters),
        )

    def _begin(self) -> Folding:
        route = self.route
        kind = Retelling if route.retold else Folding
        page = route.bookmark.page(self.extent.partition) if route.bookmark and route.keeps_state else None
        if page is None or route.bookmark is None:
            return kind(route.policy, only=route.only)
        self.position, self.former, self.former_letters = page.position, page.events, page.letters
        self.task.recall(page.kept)
        orders = route.bookmark.orders(self.extent.partition)
        return kind(route.policy, only=route.only, orders=orders, now=page.now)

    def _fold(self, batch: Batch) -> None:
        decided = self.folding.fold(batch)
        self.position = batch.position
        self.task.take(batch.position, self.folding.now, decided)
        moment = stopwatch()
        if moment - self.told >= _TELL_EVERY:
            self.told = moment
            self.tell()
        is_time = self.route.keeps_state and moment - self.saved >= self.route.save_every
        if is_time or len(self.task.lines) >= _LINES:
            self.save()

    def _page(self) -> Page:
        return Page(
            position=self.position,
            now=self.folding.now,
            events=self.former + self.folding.events,
            letters=self._letters(),
            kept=self.task.keep(),
        )

    def _letters(self) -> dict[str, int]:
        letters = dict(self.former_letters)
        for code, number in self.folding.letter_codes.items():
            letters[code] = letters.get(code, 0) + number
        return letters
