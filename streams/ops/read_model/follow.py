"""Keeps the tables up with a history: once to its end, or on and on in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import Engine

from streams.clock import stopwatch
from streams.ops.read_model import tables
from streams.ops.read_model.portions import Feed
from streams.ops.read_model.projector import Projector
from streams.problems import Problem
from streams.storage.engine import open_engine

PAUSE = 0.5  # seconds between two looks at a history in which nothing happens
_PATIENCE = 5.0  # seconds after a failure that may pass by itself


class Caught(msgspec.Struct, frozen=True, kw_only=True):
    """How the following goes: what was read since it began, and in how many seconds of work."""

    events: int = 0
    decisions: int = 0
    seconds: float = 0.0
    up_to_date: bool = False
    problem: Problem | None = None

    @property
    def rate(self) -> float:
        """Events a second, while there were any."""
        return self.events / self.seconds if self.seconds else 0.0


Told = Callable[[Caught], None]


def _silent(_caught: Caught) -> None:
    """Say nothing."""


def open_tables(place: str) -> Engine:
    """Return the engine of the read model at a path or SQLAlchemy URL, its tables made where need be.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``read-model-unusable``.
    """
    # It is a cache: what a power cut takes away is read again.
    engine = open_engine(place, synchronous="NORMAL")
    try:
        with tables.telling(engine):
            tables.make(engine)
    except Problem:
        engine.dispose()
        raise
    return engine


class Catching:
    """One reading of a history into the tables, as far as it goes now; may be asked again and again."""

    def __init__(self, engine: Engine, feed: Feed, tell: Told = _silent) -> None:
        self.caught = Caught()
        self._feed = feed
        self._projector = Projector(engine)
        self._tell = tell
        self._stopped = False

    def stop(self) -> None:
        """End :meth:`run` behind the portion that it is at."""
        self._stopped = True

    def run(self) -> Caught:
        """Read to the end that there is now.

        Raises:
            WorldProblem: the history cannot be read, or the tables cannot be written; what was written stands.
        """
        try:
            self._projector.begin(self._feed)
            while not self._stopped and self._step():
                self._tell(self.caught)
        except Problem:
            self._feed.again()
            raise
        self.caught = msgspec.structs.replace(self.caught, up_to_date=not self._stopped, problem=None)
        self._tell(self.caught)
        return self.caught

    def _step(self) -> bool:
        """Take one portion; False when there is none."""
        began = stopwatch()
        before = self._projector.reached()
        portion = self._feed.next(before)
        if portion is None:
            return False
        if not self._projector.write(portion, before):
            self._feed.again()  # another process was faster: go on from where it is
            return True
        caught = self.caught
        self.caught = Caught(
            events=caught.events + len(portion.heard),
            decisions=caught.decisions + len(portion.decided),
            seconds=caught.seconds + stopwatch() - began,
        )
        return True


def open_current(place: str, feed: Callable[[], Feed]) -> Engine | None:
    """Return the engine of the read model at a path or URL, read on to the end of the history.

    None where there is none, or one of another version or history.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``read-model-unusable``, or the history cannot be read.
    """
    if "://" not in place and not Path(place).exists():
        return None
    engine = open_engine(place, synchronous="NORMAL")
    source = feed()
    try:
        if _is_of(engine, source):
            Catching(engine, source).run()
            return engine
    finally:
        source.close()
    engine.dispose()
    return None


def _is_of(engine: Engine, source: Feed) -> bool:
    """True when the tables are of this version, and of this history: a look empties nobody's tables."""
    with tables.telling(engine):
        if tables.stands(engine) != tables.shape(engine):
            return False
    return Projector(engine).fits(source)


def catch_up(place: str, feed: Feed, tell: Told = _silent) -> Caught:
    """Bring the read model at a path or SQLAlchemy URL up to date; ``tell`` hears of each portion.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``read-model-unusable``, or the history cannot be read.
    """
    engine = open_tables(place)
    try:
        return Catching(engine, feed, tell).run()
    finally:
        engine.dispose()


class Follower:
    """A thread that keeps the read model up to date until it is stopped; ``feed`` is closed with it.

    What goes wrong stands in :attr:`caught` while it lasts: the tables still answer, as of then.
    """

    def __init__(self, place: str, feed: Feed, *, pause: float = PAUSE, tell: Told = _silent) -> None:
        """Make the tables; nothing is read yet.

        Raises:
            UsageProblem: ``storage-url``.
            WorldProblem: ``read-model-unusable``.
        """
        self._engine = open_tables(place)
        self._feed = feed
        self._catching = Catching(self._engine, feed, tell)
        self._pause = pause
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="read-model", daemon=True)

    @property
    def caught(self) -> Caught:
        """How it goes."""
        return self._catching.caught

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End behind the portion that it is at, and let go of everything."""
        self._over.set()
        self._catching.stop()
        if self._thread.ident is not None:
            self._thread.join()
        self._feed.close()
        self._engine.dispose()

    def _work(self) -> None:
        while not self._over.is_set():
            pause = self._pause
            try:
                self._catching.run()
            except Problem as problem:
                self._catching.caught = msgspec.structs.replace(
                    self._catching.caught, up_to_date=False, problem=problem
                )
                pause = _PATIENCE
            self._over.wait(pause)
