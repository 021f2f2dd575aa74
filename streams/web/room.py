"""What every page stands on: who may come in, whom to ask, who renders, and what time it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from aiohttp import web

from streams.clock import stopwatch
from streams.ops.read_model.follow import Caught
from streams.ops.read_model.shapes import Today
from streams.pipeline.ports import PinningRenderer
from streams.pipeline.story import World, kind_world
from streams.web.door import Door
from streams.web.ports import Deeds, Reading
from streams.web.session import Visitor

FRESH: Final = 1.0  # seconds for which the counts beside the menu may be what they were
HANDED_OVER: Final = timedelta(minutes=2)  # how long a page says that what was done is under way

_T = TypeVar("_T")


class Room:
    """One console: its door, its reading, its deeds. Questions are asked in threads, so no page holds up another."""

    def __init__(
        self,
        door: Door,
        reading: Reading,
        deeds: Deeds,
        renderer: PinningRenderer,
        clock: Callable[[], datetime],
        caught: Callable[[], Caught] = Caught,
        world: World = kind_world,
    ) -> None:
        self.door = door
        self.deeds = deeds
        self.renderer = renderer
        self.clock = clock
        self.caught = caught
        self.world = world
        self._reading = reading
        self._today: tuple[float, Today] | None = None
        self._done: dict[str, tuple[datetime, str]] = {}

    async def ask(self, question: Callable[[Reading], _T]) -> _T:
        """Return the reading's answer to a question."""
        return await asyncio.to_thread(question, self._reading)

    async def do(self, deed: Callable[[Deeds], _T]) -> _T:
        """Have something done; the counts are asked anew afterwards."""
        try:
            return await asyncio.to_thread(deed, self.deeds)
        finally:
            self._today = None

    async def today(self) -> Today:
        """Return how everything stands, at most a second old: every page shows what waits for a person."""
        known = self._today
        if known is not None and stopwatch() - known[0] < FRESH:
            return known[1]
        today = await self.ask(lambda reading: reading.today())
        self._today = (stopwatch(), today)
        return today

    def note(self, what: str, said: str) -> None:
        """Remember what was just done about a review, a letter or a mail, until the tables know it too."""
        now = self.clock()
        self._done = {key: one for key, one in self._done.items() if one[0] + HANDED_OVER > now}
        self._done[what] = (now, said)

    def noted(self, what: str) -> str:
        """Return what was just done about it, or nothing."""
        at, said = self._done.get(what, (None, ""))
        return said if at is not None and at + HANDED_OVER > self.clock() else ""


ROOM: Final = web.AppKey("room", Room)
VISITOR: Final = web.RequestKey("visitor", Visitor)


def room_of(request: web.Request) -> Room:
    """Return the console that a request came to."""
    return request.app[ROOM]


def visitor_of(request: web.Request) -> Visitor:
    """Return who asks."""
    return request[VISITOR]
