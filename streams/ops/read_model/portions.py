"""What goes into the tables in one transaction, and who brings it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec

from streams.codec.blocks import Entry
from streams.core.events import MessageQueued
from streams.embedded.journal import LoggedDecision
from streams.pipeline.correlate import Parked
from streams.pipeline.dead_letters import DeadLetter

Place = tuple[str, int]
"""A stream and a partition of it."""
Reached = Mapping[Place, int]
"""The last position that was read of each; what is absent was never read."""


class Heard(msgspec.Struct, frozen=True, gc=False):
    """An entry of the journal and where it stands: the block's position, and its place in the block."""

    position: int
    place: int
    entry: Entry


class Portion(msgspec.Struct, kw_only=True):
    """A piece of a history; ``reached`` is how far the reading has come with it, ``mark`` what stands there.

    ``letters`` are mails with what they are rendered from. ``parked`` says by row id which scans wait now (None:
    does so no longer); with ``parked_whole`` all others do not. ``redriven`` says of dead letters, by id, when they
    were put back.
    """

    reached: dict[Place, int]
    mark: str = ""
    heard: list[Heard] = []
    decided: list[LoggedDecision] = []
    letters: list[MessageQueued] = []
    dead: list[DeadLetter] = []
    parked: dict[str, Parked | None] = {}
    parked_whole: bool = False
    redriven: dict[str, datetime] = {}


class Feed(Protocol):
    """A history that may still grow, read on from where the tables are."""

    name: str
    """What messages call it."""

    def identity(self) -> str:
        """Return what tells this history from another one that stands in its place; empty while it is empty.

        Raises:
            streams.problems.WorldProblem: it cannot be read.
        """
        ...

    def mark(self, reached: Reached) -> str:
        """Return what stands for the last that was read: it is another, or gone, where the history was made anew.

        Empty where nobody makes a history anew.

        Raises:
            streams.problems.WorldProblem: it cannot be read.
        """
        ...

    def next(self, reached: Reached) -> Portion | None:
        """Return what comes behind, or None when there is nothing new.

        Raises:
            streams.problems.WorldProblem: it cannot be read.
        """
        ...

    def again(self) -> None:
        """Let the next question look at everything that only stands as it stands now: the answer was not written."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
