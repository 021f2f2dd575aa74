"""Puts a console together out of the settings, and serves it until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.assets import templates_dir
from streams.clock import wall_now
from streams.ops.foresight import world_of
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.follow import Follower
from streams.ops.read_model.portions import Feed
from streams.ops.read_model.reading import open_reading
from streams.settings import Settings
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.watching import Watch
from streams.web.actions import RealDeeds, Taken, ledger_place
from streams.web.app import make_app
from streams.web.backtesting import Backtests
from streams.web.door import Door
from streams.web.host import listen, told_to_stop
from streams.web.room import Room
from streams.wiring import make_folder, policy_of

GRACE: Final = 5.0  # seconds that a stop waits for answers under way
JOURNAL: Final = "journal.sqlite"  # as streams/cli/folder.py names it
READ_MODEL: Final = "readmodel.sqlite"


@contextmanager
def furnished(settings: Settings, *, kafka: bool, taken: Taken) -> Iterator[Room]:
    """Yield a room over the read model, which is filled from the data folder's journal or the topics, and kept up.

    ``taken`` sees to it that what was left in the folder's inbox is taken.

    Raises:
        streams.problems.Problem: whatever is wrong with a setting, a template, the database or the history.
    """
    door = Door(settings)
    renderer = CatalogueRenderer(load_catalogue(templates_dir(), settings.templates))
    # Compiled while nobody waits for it: half a second that the first order's page would take longer.
    threading.Thread(target=renderer.check, name="templates", daemon=True).start()
    policy = policy_of(settings)
    feed = _feed(settings, kafka=kafka)
    make_folder(settings.data)
    place = _place(settings)
    backtests = Backtests(settings.data, _history(settings, kafka=kafka), wall_now)
    follower = Follower(place, feed)
    follower.start()
    try:
        reading = open_reading(place, ledger=ledger_place(settings, kafka=kafka), policy=policy)
        deeds = RealDeeds(settings, backtests, wall_now, kafka=kafka, taken=taken)
        try:
            with Watch(renderer, templates_dir(), settings.templates):
                yield Room(
                    door, reading, deeds, renderer, wall_now, lambda: follower.caught, world_of(settings)
                )
        finally:
            reading.close()
    finally:
        backtests.close()
        follower.stop()


async def serve(room: Room, address: str, opened: Callable[[str, int], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``opened`` hears where, once it can be asked.

    Raises:
        UsageProblem: ``http-address-wrong``.
        WorldProblem: ``console-address-unavailable``.
    """
    # No access log: it would write down who looked at what, and telemetry says what was done.
    runner = web.AppRunner(make_app(room), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        taken_host, taken_port = await listen(runner, address, "console")
        telemetry.console_opened(host=taken_host, port=taken_port)
        opened(taken_host, taken_port)
        await told_to_stop()
    finally:
        await runner.cleanup()


def _place(settings: Settings) -> str:
    if settings.database is not None:
        return settings.database.reveal()
    return str(settings.data / READ_MODEL)


def _feed(settings: Settings, *, kafka: bool) -> Feed:
    if kafka:
        from streams.ops.read_model.feed_kafka import TopicsFeed

        return TopicsFeed(settings)
    return JournalFeed(settings.data / JOURNAL)


def _history(settings: Settings, *, kafka: bool) -> list[str]:
    """Return the options that name this history to other commands; all else they find in the environment."""
    named = ["--kafka", settings.kafka] if kafka else ["--data", str(settings.data)]
    templates: Path | None = settings.templates
    return named if templates is None else [*named, "--templates", str(templates)]
