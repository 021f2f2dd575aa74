"""Reads a pipe in a thread of its own: a read that nobody can wake must hold up neither the loop nor the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

from streams.pipeline.ports import Record

AHEAD = 256  # records read and not yet taken; the writer of the pipe waits then


async def read_behind(records: Iterator[Record]) -> AsyncIterator[list[Record]]:
    """Yield what has come, at once and together; one record alone does not wait for a second.

    The thread is a daemon, not one of asyncio's: at the end those are waited for, and it may sit in a
    read for ever.

    Raises:
        Exception: whatever reading raised.
    """
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(AHEAD)
    come: asyncio.Queue[Record | Exception | None] = asyncio.Queue()

    def hand_over(found: Record | Exception | None) -> bool:
        try:
            loop.call_soon_threadsafe(come.put_nowait, found)
        except RuntimeError:  # the loop is closed: nobody wants it any more, and it was never taken
            return False
        return True

    def read() -> None:
        try:
            for record in records:
                room.acquire()
                if not hand_over(record):
                    return
        except Exception as error:  # noqa: BLE001 - raised where the records are awaited
            hand_over(error)
        else:
            hand_over(None)

    threading.Thread(target=read, name="pipe", daemon=True).start()
    while True:
        some = [await come.get()]
        while not come.empty():
            some.append(come.get_nowait())
        taken = [one for one in some if isinstance(one, Record)]
        if taken:
            yield taken
            room.release(len(taken))
        last = some[-1]
        if isinstance(last, Exception):
            raise last
        if last is None:
            return
