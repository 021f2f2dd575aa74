"""Work that waits for a database, a provider or a desk, in threads of its own: the event loop never waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from streams.clock import stopwatch

_T = TypeVar("_T")
_LOOK_EVERY = 0.01  # seconds


class Apart:
    """At most so many pieces of work at a time; belongs to one event loop.

    The threads do not keep the process alive, unlike those of ``asyncio.to_thread``: a provider that never
    answers must not hold up the end. What is asked of it bears an id, and is asked again after the start.
    """

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._threads: set[threading.Thread] = set()

    async def __call__(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Do the work and return what it returns, or raise what it raises."""
        async with self._room:
            loop = asyncio.get_running_loop()
            answer: asyncio.Future[_T] = loop.create_future()
            thread = threading.Thread(target=_work, args=(loop, answer, work, arguments), daemon=True)
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            thread.start()
            return await answer

    async def rest(self, seconds: float) -> None:
        """Wait for work that nobody waits for any more, so that it lets go of its database before we do."""
        deadline = stopwatch() + seconds
        while any(one.is_alive() for one in self._threads) and stopwatch() < deadline:  # noqa: ASYNC110 - threads tell no loop that they end
            await asyncio.sleep(_LOOK_EVERY)


def _work(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[_T],
    work: Callable[..., _T],
    arguments: tuple[object, ...],
) -> None:
    try:
        done = work(*arguments)
    except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
        _tell(loop, answer, answer.set_exception, error)
    else:
        _tell(loop, answer, answer.set_result, done)


def _tell(
    loop: asyncio.AbstractEventLoop,
    answer: asyncio.Future[_T],
    say: Callable[..., None],
    what: object,
) -> None:
    def speak() -> None:
        if not answer.done():  # nobody waits any more
            say(what)

    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(speak)
