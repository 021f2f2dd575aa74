"""Keeps open pages up to date: looks at the files, and tells what happens to them as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.problems import Problem
from streams.web.studio.calls import answer
from streams.web.studio.files import tell_changes
from streams.web.studio.room import Room, room_of

OFTEN: Final = (
    0.03  # seconds between two looks at the files while a page listens; a look takes some milliseconds
)
SELDOM: Final = 0.5  # while none does
ALIVE: Final = 15.0  # seconds after which a silent stream says that it is there: proxies close silent ones


async def listen(request: web.Request) -> web.StreamResponse:
    """Tell a page what happens, until it goes away."""
    room = room_of(request)
    with room.events.listening() as heard:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        with suppress(ConnectionError):
            await response.write(b": here\n\n")
            while True:
                try:
                    async with asyncio.timeout(ALIVE):
                        said = await heard.get()
                except TimeoutError:
                    said = b": still here\n\n"
                if said is None:
                    break
                await response.write(said)
        return response


async def list_cases(request: web.Request) -> web.Response:
    """Answer with the newest letters that really went out, masked."""
    return answer({"cases": await room_of(request).cases.recent()})


async def watch(room: Room) -> None:
    """Look at the files for ever and say what has changed; beside it, read anew what has."""
    waiting = _Waiting()
    async with asyncio.TaskGroup() as both:
        both.create_task(_judge(room, waiting))
        both.create_task(_look(room, waiting))


class _Waiting:
    """Messages that somebody must read again, those that were just written before all others; at first all of them."""

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self.some.set()
        self._everything = True
        self._written: set[str] = set()
        self._others: list[str] = []

    def add(self, changed: set[str]) -> None:
        """Add the messages that these files belong to."""
        self._everything |= any("/" not in name or name.startswith("_") for name in changed)
        self._written |= {name.partition("/")[0] for name in changed}
        self.some.set()

    def next(self, known: list[str]) -> str | None:
        """Return what is to be read next, and forget it; None when nothing waits."""
        if self._everything:
            self._others, self._everything = list(known), False
        for name in known:
            if name in self._written:
                self._written.discard(name)
                return name
        self._written.clear()
        return self._others.pop(0) if self._others else None


async def _look(room: Room, waiting: _Waiting) -> None:
    while True:
        await asyncio.sleep(OFTEN if room.events.heard else SELDOM)
        with _going_on("look"):
            if changed := await tell_changes(room):
                waiting.add(changed)


async def _judge(room: Room, waiting: _Waiting) -> None:
    with _going_on("furnish"):
        await room.furnish()
    while True:
        await waiting.some.wait()
        name = None
        with _going_on("judge"):
            name = waiting.next([told.name for told in (await room.described()).messages])
        if name is None:
            waiting.some.clear()
            continue
        with _going_on("judge"):
            await room.judged(name)


@contextmanager
def _going_on(call: str) -> Iterator[None]:
    """Go on whatever happens: what is wrong with the words is told where somebody asks for them."""
    try:
        yield
    except (Problem, OSError):
        pass
    except Exception as error:  # noqa: BLE001 - pages must not go stale because of one mistake of ours
        telemetry.studio_failed(call=call, why=type(error).__name__)


ROUTES: Final = (web.get("/events", listen), web.get("/api/cases", list_cases))
