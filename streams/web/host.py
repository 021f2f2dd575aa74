"""Listens for a browser, and knows when to stop: the same for the console and the studio."""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web

from streams.embedded.intake import parse_address
from streams.problems import WorldProblem


async def listen(runner: web.AppRunner, address: str, room: str) -> tuple[str, int]:
    """Listen at ``host:port`` and return both as they came out (port 0 takes a free one); ``room`` names the option.

    Raises:
        UsageProblem: ``http-address-wrong``.
        WorldProblem: ``console-address-unavailable`` or ``studio-address-unavailable``.
    """
    host, port = parse_address(address)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise WorldProblem(
            f"{room}-address-unavailable",
            f"nothing can listen on {host}:{port}",
            where=address,
            why=str(error),
            hint=f"choose another --{room} address, or stop the program that has this one",
        ) from error
    taken: tuple[str, int] = runner.addresses[0][:2]
    return taken


async def told_to_stop() -> None:
    """Return when SIGTERM or SIGINT comes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
