"""Puts a studio together out of the settings, and serves it until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import web

from streams import telemetry
from streams.assets import templates_dir
from streams.clock import wall_now
from streams.embedded.intake import parse_address
from streams.problems import WorldProblem
from streams.settings import Settings
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
    host, port = parse_address(address)
    # No access log: it would write down the token.
    runner = web.AppRunner(make_app(room), access_log=None, shutdown_timeout=GRACE)
    await runner.setup()
    try:
        taken_host, taken_port = await _listen(runner, host, port, address)
        room.door.open_at(taken_host, taken_port)
        await room.open()
        telemetry.studio_opened(host=taken_host, port=taken_port)
        shown = f"[{taken_host}]" if ":" in taken_host else taken_host
        watching = asyncio.create_task(watch(room))
        opened(f"http://{shown}:{taken_port}/", room.door.token)
        try:
            await _told_to_stop()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
    finally:
        await room.close()  # first: nobody waits for an answer then
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int, address: str) -> tuple[str, int]:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise WorldProblem(
            "studio-address-unavailable",
            f"nothing can listen on {host}:{port}",
            where=address,
            why=str(error),
            hint="choose another --studio address, or stop the program that has this one",
        ) from error
    taken: tuple[str, int] = runner.addresses[0][:2]
    return taken


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
