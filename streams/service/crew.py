"""Several workers on one machine, each in its own process: when one dies, the others are stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress

from streams import telemetry
from streams.service.worker import GRACE

_MORE = 2.0  # seconds beyond what a worker needs to cut itself off, so that it can still say so
_KILLED = 128  # a shell's way to tell of a signal


async def run_crew(commands: Mapping[str, Sequence[str]]) -> int:
    """Run one process per role (role -> arguments of ``python``), and return the exit code of the first to end.

    Told to stop by SIGTERM or SIGINT, all are told, and the code is the first that is not 0.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    crew: dict[str, Process] = {}
    try:
        for role, arguments in commands.items():
            crew[role] = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=DEVNULL)
        dead = await _first_dead(crew, told)
    finally:
        await asyncio.gather(*(_stop(role, process) for role, process in crew.items()))
    if dead is not None:
        return _code(crew[dead])
    # One that was told before it could listen had nothing in hand.
    ends = [_code(process) for process in crew.values() if process.returncode != -signal.SIGTERM]
    return next((code for code in ends if code), 0)


async def _first_dead(crew: Mapping[str, Process], told: asyncio.Event) -> str | None:
    """Wait until one of them ends, and return its role; None when we were told to stop before."""
    telling = asyncio.create_task(told.wait())
    lives = {asyncio.create_task(process.wait()): role for role, process in crew.items()}
    done, _ = await asyncio.wait({telling, *lives}, return_when=asyncio.FIRST_COMPLETED)
    for waiting in (telling, *lives):
        waiting.cancel()
    dead = [role for life, role in lives.items() if life in done]
    if telling in done or not dead:
        return None
    code = crew[dead[0]].returncode
    telemetry.worker_crashed(role=dead[0], why=f"its process ended with exit code {code}")
    return dead[0]


async def _stop(role: str, process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE + _MORE)
    except TimeoutError:
        telemetry.worker_cut_off(role=role, seconds=GRACE + _MORE)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _code(process: Process) -> int:
    code = process.returncode
    assert code is not None  # all have ended
    return _KILLED - code if code < 0 else code
