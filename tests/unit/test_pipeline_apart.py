"""Work in threads of its own: canceled it goes on, and whoever closes waits for it, but not for ever."""

import asyncio
import threading
import time

from streams.pipeline.apart import Apart


def canceled(seconds):
    """Begin work that takes until it is told to go on, cancel it, and rest; return whether it was done by then."""
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work():
        begun.set()
        go_on.wait(10)
        done.set()

    async def story():
        apart = Apart(1)
        task = asyncio.create_task(apart(work))
        while not begun.is_set():  # noqa: ASYNC110 - a thread's event
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if seconds > 1:
            asyncio.get_running_loop().call_later(0.05, go_on.set)
        began = time.monotonic()
        await apart.rest(seconds)
        return done.is_set(), time.monotonic() - began

    found = asyncio.run(story())
    go_on.set()
    return found


def test_what_nobody_waits_for_is_waited_for_at_the_end():
    """It lets go of its connection before the pool is closed."""
    is_done, waited = canceled(10)

    assert is_done
    assert waited < 5


def test_what_never_ends_holds_nobody_up():
    """The rest is over when its time is."""
    is_done, waited = canceled(0.1)

    assert not is_done
    assert waited < 5


def test_nothing_under_way_is_no_wait():
    """Who asked nothing is done at once."""

    async def story():
        apart = Apart(2)
        answer = await apart(lambda: 42)
        began = time.monotonic()
        await apart.rest(10)
        return answer, time.monotonic() - began

    answer, waited = asyncio.run(story())

    assert answer == 42
    assert waited < 5
