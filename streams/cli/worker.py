"""``firstword worker``: one worker of the service on Kafka, or one of each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_problem
from streams.problems import Problem, UsageProblem

if TYPE_CHECKING:
    from streams.service.worker import Worker
    from streams.settings import Settings

ROLES = ("ingest", "fold", "effects")
BROKEN = 3


@click.command(
    cls=Command,
    examples=(
        "firstword worker all --kafka localhost:9092 --monitor :9100",
        "firstword worker fold --monitor 0.0.0.0:9100",
        "firstword worker ingest --clock history",
    ),
)
@click.argument("role", type=click.Choice([*ROLES, "all"]))
@options.kafka
@options.monitor
@options.data
@options.policy
@click.option(
    "--clock",
    type=click.Choice(["wall", "history"]),
    help="Whose time counts: the clock on the wall, or that of the records (FIRSTWORD_CLOCK).",
)
@click.option("--parent", type=int, hidden=True, help="Stop when this process is no longer our parent.")
def command(
    role: str,
    kafka: str | None,
    monitor: str | None,
    data: Path | None,
    policy: Path | None,
    clock: str | None,
    parent: int | None,
) -> int:
    """Run a worker of the service on Kafka until it is told to stop.

    INGEST reads the source topics and writes the journal, FOLD decides, EFFECTS makes decisions true. ALL is one of
    each, every one in its own process and with its own monitor port (the given one, and the next two); when one dies,
    all stop. Everything else is set by FIRSTWORD_* variables. The topics must be there: `firstword topics create`.
    SIGTERM and SIGINT end what is begun, within ten seconds. A worker that meets something it must not go on with, or
    that makes no progress for a minute, ends with exit code 3: whatever runs it starts it again.
    """
    from streams import telemetry
    from streams.service.process import end_with, hear_libraries
    from streams.settings import load

    settings = load(kafka=kafka, monitor=monitor, data=data, policy=policy, clock=clock)
    _check(settings)
    telemetry.configure(settings.log_level)
    if role == "all":
        return _run_all(settings, {"--kafka": kafka, "--data": data, "--policy": policy, "--clock": clock})
    hear_libraries()
    if parent is not None:
        end_with(parent)
    return _run_one(role, settings)


def _check(settings: Settings) -> None:
    """Refuse what can be seen to be wrong without a broker: for three processes, it is said once.

    Raises:
        UsageProblem: ``topic-twice``, ``monitor-address-wrong``.
    """
    from streams.service.monitor import parse_address
    from streams.service.topics import topics_of

    topics_of(settings)
    if settings.monitor is not None:
        parse_address(settings.monitor)


def _run_one(role: str, settings: Settings) -> int:
    """Run one worker; whatever it dies of is logged and said once, and makes the exit code."""
    from streams import __version__, telemetry
    from streams.service.process import end_within, serve

    telemetry.program_started(version=__version__, room=role)
    try:
        asyncio.run(serve(lambda: _maker(role)(settings), settings, on_ending=end_within))
    except Problem as problem:
        telemetry.worker_crashed(role=role, why=f"{problem.what} [{problem.code}]")
        print_problem(problem)
        return 2 if isinstance(problem, UsageProblem) else BROKEN
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        telemetry.worker_crashed(role=role, why=_kind(error))
        raise
    except BaseException as error:
        telemetry.worker_crashed(role=role, why=_kind(error))
        raise RuntimeError(_kind(error)) from error
    return 0


def _maker(role: str) -> Callable[[Settings], Worker]:
    """Import one worker, and not the libraries of the others."""
    if role == "ingest":
        from streams.service.ingest import Ingest

        return Ingest
    if role == "fold":
        from streams.service.fold import Fold

        return Fold
    from streams.service.effects import EffectsWorker

    return EffectsWorker


def _kind(error: BaseException) -> str:
    """Name an error without its text, which may hold what customers told us."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{place}"


def _run_all(settings: Settings, flags: dict[str, object]) -> int:
    from streams.service.crew import run_crew

    given = [part for flag, value in flags.items() if value is not None for part in (flag, str(value))]
    commands = {}
    for place, role in enumerate(ROLES):
        arguments = ["-m", "streams", "worker", role, "--parent", str(os.getpid()), *given]
        commands[role] = [*arguments, *_monitor(settings, place)]
    return asyncio.run(run_crew(commands))


def _monitor(settings: Settings, place: int) -> list[str]:
    """Return the flag that gives a worker its own port."""
    if settings.monitor is None:
        return []
    from streams.service.monitor import parse_address

    host, port = parse_address(settings.monitor)
    host = f"[{host}]" if ":" in host else host
    return ["--monitor", f"{host}:{port + place if port else 0}"]
