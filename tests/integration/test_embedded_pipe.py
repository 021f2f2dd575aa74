"""Standard input is read beside the loop: what came together is taken together, and nobody waits for what does not come."""

import asyncio
import os
import threading
import time

import pytest

from streams.embedded.pipe import AHEAD, read_behind
from streams.pipeline.ports import Record
from streams.sources.reading import lines


def record(number):
    return Record(source="native", place=f"standard input:{number}", position=number, raw=b"{}")


def read_pipe(end):
    """Records from the reading end of a real pipe, as standard input is one."""
    with os.fdopen(end, "rb") as file:
        for number, (place, raw, _) in enumerate(lines(file, "standard input")):
            yield Record(source="native", place=place, position=number, raw=raw)


def test_lines_come_in_their_order_and_the_end_is_the_end():
    """Everything that was written, once."""

    async def story():
        return [one.position async for some in read_behind(map(record, range(1000))) for one in some]

    assert asyncio.run(story()) == list(range(1000))


def test_one_line_does_not_wait_for_a_second():
    """A single event in an open pipe is taken while the writer thinks about the next."""
    reading, writing = os.pipe()

    async def story():
        batches = read_behind(read_pipe(reading))
        os.write(writing, b'{"a": 1}\n')
        async with asyncio.timeout(10):
            first = await anext(batches)
        os.write(writing, b'{"b": 2}\n')
        os.close(writing)
        rest = [one async for some in batches for one in some]
        return [one.raw for one in (*first, *rest)]

    assert asyncio.run(story()) == [b'{"a": 1}', b'{"b": 2}']


def test_the_loop_ends_although_the_pipe_does_not():
    """A stop does not wait for the next line: the thread that sits in the read is left behind."""
    reading, writing = os.pipe()

    async def story():
        waiting = asyncio.create_task(anext(read_behind(read_pipe(reading))))
        await asyncio.sleep(0)
        waiting.cancel()

    began = time.monotonic()
    asyncio.run(story())
    seconds = time.monotonic() - began
    os.close(writing)  # lets the thread go, for the sake of other tests
    for thread in threading.enumerate():
        if thread.name == "pipe":
            thread.join(10)

    assert seconds < 5


def test_a_fast_writer_is_made_to_wait():
    """No more is read ahead than is worth a transaction."""
    read = 0

    def counted():
        nonlocal read
        for number in range(10 * AHEAD):
            read = number
            yield record(number)

    async def story():
        batches = read_behind(counted())
        first = await anext(batches)
        for _ in range(100):
            await asyncio.sleep(0.001)
        ahead = read
        rest = [one async for some in batches for one in some]
        return ahead, len(first) + len(rest)

    ahead, taken = asyncio.run(story())

    assert ahead <= AHEAD
    assert taken == 10 * AHEAD


def test_what_reading_raises_is_raised_where_it_is_awaited():
    """And what came before is taken before."""

    def breaks():
        yield record(0)
        raise ValueError("the pipe burst")

    async def story():
        taken = []

        async def take_all():
            async for some in read_behind(breaks()):
                taken.extend(some)

        with pytest.raises(ValueError, match="burst"):
            await take_all()
        return len(taken)

    assert asyncio.run(story()) == 1
