"""Puts a studio together out of the settings, and serves it until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.assets import templates_dir
from streams.clock import wall_now
from streams.settings import Settings
from streams.web.host import listen, told_to_stop
from streams.web.studio.app import make_app
from streams.web.studio.cases import Cases, Letters, no_letters
from streams.web.studio.door import Door
from streams.web.studio.folder import Folder, refuse_installed
from streams.web.studio.listening import watch
from streams.web.studio.room import Room

GRACE: Final = 2.0  # seconds that a stop waits for answers under way


def furnish(settings: Settings, letters: Letters = no_letters) -> Room:
    """Return a studio over the folder of the settings; ``letters`` finds the newest that really went out.

    Raises:
        UsageProblem: the folder is none, or there is none to write to.
    """
    shipped = templates_dir()
    own = None if settings.templates is None else templates_dir(settings.templates)
    folder = Folder(shipped, own)
    refuse_installed(folder.shipped, folder.own)
    return Room(settings, folder, Door(settings), Cases(letters), wall_now)


async def serve(room: Room, address: str, opened: Callable[[str, str], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``opened`` hears where, and the token, once it can be asked.

    Raises:
        UsageProblem: ``http-address-wrong``.
        WorldProblem: ``studio-address-unavailable``.
    """
    # No access log: it would write down the token.
    runner = web.AppRunner(make_app(room), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        taken_host, taken_port = await listen(runner, address, "studio")
        room.door.open_at(taken_host, taken_port)
        await room.open()
        telemetry.studio_opened(host=taken_host, port=taken_port)
        shown = f"[{taken_host}]" if ":" in taken_host else taken_host
        watching = asyncio.create_task(watch(room))
        opened(f"http://{shown}:{taken_port}/", room.door.token)
        try:
            await told_to_stop()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    finally:
        await room.close()  # first: nobody waits for an answer then
        await runner.cleanup()
