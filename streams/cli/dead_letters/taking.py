"""What was left in the inbox of a data folder is taken: by the process that works there, or here and now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from streams import wiring
from streams.cli.folder import JOURNAL, hold
from streams.clock import stopwatch, wall_now
from streams.embedded.engine import READ_UNTIL, Engine
from streams.embedded.inbox import Inbox, waiting
from streams.embedded.journal import Journal
from streams.problems import UsageProblem
from streams.settings import Settings
from streams.sources import discover

_WITHIN = 10.0  # seconds; a run looks every half second, unless it reads a history
_LOOK = 0.1  # seconds


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Who took what was left, what became of it (where it was done here), and how much still waits."""

    by: Literal["us", "the process that runs"]
    waiting: int
    events: dict[str, int] = {}
    to_do: int = 0
    policy: str = ""

    def says(self) -> str:
        """Return it as half a sentence."""
        if self.by != "us":
            late = f"; {self.waiting:,} wait until it comes to them" if self.waiting else ""
            return f"the process that works in the folder takes them{late}"
        counts = ", ".join(
            f"{count:,} {name.replace('_', ' ')}" for name, count in self.events.items() if count
        )
        done = f"; {self.to_do:,} decisions are done by the next run" if self.to_do else ""
        return f"folded here by the policy {self.policy}: {counts or 'nothing new'}{done}"


def take(settings: Settings) -> Taken:
    """See to it that what was left in the data folder is taken.

    Raises:
        streams.problems.Problem: the policy or the disk is wrong; what was left waits for the next start.
    """
    try:
        with hold(settings.data):
            return _take_here(settings)
    except UsageProblem as problem:
        if problem.code != "data-in-use":
            raise
    return Taken(by="the process that runs", waiting=_wait(settings.data))


def _take_here(settings: Settings) -> Taken:
    policy = wiring.policy_of(settings)
    journal = Journal(settings.data / JOURNAL)
    try:
        journal.wait_for_disk()
        engine = Engine(journal, policy)
        before = dict(engine.counters)
        parked = _parked(engine)
        # A history's time is its own: it stands where the history ended, however late it is here.
        is_history = READ_UNTIL in engine.counters and engine.now is not None
        now = engine.now if is_history and engine.now is not None else wall_now()
        inbox = Inbox(settings.data, discover())
        while inbox.drain(engine, now):
            pass
        events = {name: engine.counters[name] - before[name] for name in before if name in _TOLD}
        events["parked"] = max(0, _parked(engine) - parked)
        return Taken(
            by="us",
            waiting=waiting(settings.data),
            events=events,
            to_do=len(engine.pending),
            policy=policy.name,
        )
    finally:
        journal.close()


_TOLD = ("folded", "duplicates", "dead_letters", "ignored")


def _parked(engine: Engine) -> int:
    return sum(len(some) for some in engine.correlator.parked.values())


def _wait(folder: Path) -> int:
    """Return how much still waits after a while."""
    began = stopwatch()
    while (left := waiting(folder)) and stopwatch() - began < _WITHIN:
        time.sleep(_LOOK)
    return left
