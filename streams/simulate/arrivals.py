"""Puts events in order of arrival without holding more than what is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from streams.simulate.days import HOUR, utc


class Simulated(msgspec.Struct, frozen=True, gc=False):
    """One line of the stream (a CloudEvent as JSON, without line break) and when it reaches us."""

    arrives_at: datetime
    line: bytes


class Arrivals:
    """A calendar queue: one unsorted list of lines per hour, sorted when the hour has come.

    Adding is an append, which a load generator notices; a priority queue would compare its way up and
    down for every line.
    """

    __slots__ = ("_added", "_hours", "_reached")

    def __init__(self) -> None:
        self._hours: dict[int, list[tuple[int, int, bytes]]] = {}
        self._added = 0
        self._reached: int | None = None

    def add(self, moment: int, line: bytes) -> None:
        """Let ``line`` arrive at ``moment``; lines of one second arrive in the order they were added."""
        self._added += 1
        entry = (moment, self._added, line)
        hour = moment // HOUR
        waiting = self._hours.get(hour)
        if waiting is None:
            self._hours[hour] = [entry]
        else:
            waiting.append(entry)

    def before(self, moment: int) -> Iterator[Simulated]:
        """Yield what arrives in the hours that are over at ``moment``; nothing earlier may be added later."""
        hour = moment // HOUR
        if self._reached is None:
            self._reached = min(self._hours, default=hour)
        while self._reached < hour:
            yield from self._empty(self._reached)
            self._reached += 1

    def rest(self) -> Iterator[Simulated]:
        """Yield everything that is still on its way."""
        for hour in sorted(self._hours):
            yield from self._empty(hour)

    @property
    def added(self) -> int:
        """How many lines were ever added."""
        return self._added

    def _empty(self, hour: int) -> Iterator[Simulated]:
        for moment, _, line in sorted(self._hours.pop(hour, ())):
            yield Simulated(utc(moment), line)
