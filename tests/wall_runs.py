"""Runs the whole product at a wall clock that the test moves, inside the loop of the test."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from streams import wiring
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.embedded.runner import Feed, Runner
from streams.embedded.summary import summarize
from streams.pipeline.ports import Record
from streams.settings import load
from streams.sources.feeds import parse_feed

PATIENCE = 10  # seconds until a test stops waiting for what must come


class Clock:
    """Stands still until the test moves it."""

    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment

    def move(self, by):
        self.moment += by


class Wall:
    """A run under way."""

    def __init__(self, data, clock, sources=(), mail=None, policy=None):
        self.kit = wiring.build(load({}, data=Path(data), mail_url=mail, policy=policy))
        self.engine = Engine(Journal(Path(data) / "journal.sqlite"), self.kit.policy)
        feeds = [Feed(text, *parse_feed(text, self.kit.sources)) for text in sources]
        self.runner = Runner(self.engine, self.kit.effects, feeds)
        self.clock = clock
        self.data = Path(data)

    async def until(self, condition):
        """Wait for what must come; fails when it does not."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.runner._nudge.set()  # the clock was moved: look at it now, not at the next heartbeat
                await asyncio.sleep(0.002)

    async def push(self, *lines):
        """Take events as the web door does."""
        feed = Feed("http:native", self.kit.sources["native"], "http")
        records = [
            Record(source="native", place=f"push #{number}", position=number, raw=raw)
            for number, raw in enumerate(lines)
        ]
        return await self.runner.submit(feed, records, self.clock)

    def types(self):
        """The types of everything decided and done so far."""
        return [one.type for one in self.engine.journal.decisions()]

    def mails(self):
        """The files of the Maildir."""
        return sorted((self.data / "mail" / "new").glob("*"))

    def summary(self):
        return summarize(self.engine, 1.0, self.runner.taken)

    async def close(self):
        await self.kit.sender.close()
        self.engine.journal.close()
        self.kit.ledger.close()


@asynccontextmanager
async def wall(data, clock, *sources, mail=None, forever=True):
    """Run until the block ends, then stop in order."""
    run = Wall(data, clock, sources, mail)
    task = asyncio.create_task(run.runner.run_wall(clock, run.kit.sender.recover, forever=forever))
    try:
        yield run
        run.runner.stop.set()
        async with asyncio.timeout(PATIENCE):
            await task
    finally:
        while not task.done():  # the first time it would wait for a mail under way, whose relay may hang
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
        await run.close()
