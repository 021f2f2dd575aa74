"""``firstword replay``: history through today's code and policy, and no mail can come of it."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import progress
from streams.cli.policy import overrides as words

if TYPE_CHECKING:
    from datetime import datetime

    from streams.ops.history import Extent, History
    from streams.ops.replay.crew import Stop
    from streams.ops.replay.travel import Route
    from streams.settings import Settings

_STOPPED = 130  # 128 + SIGINT: what shells expect of a program that was interrupted


@click.command(
    cls=Command,
    examples=(
        "firstword replay --data shop",
        "firstword replay --data shop --set detect.late_delivery.severe_days=5 2026-11-17..2026-11-18",
        "firstword replay --kafka localhost:9092 journal:3@120..900 --json",
        "firstword replay --data shop --mode rebuild --order ORD-1001",
        "firstword replay --source csv_history=olist/ --mode rebuild --out decisions.ndjson --state orders.ndjson",
        "firstword replay --data shop --mode live 2026-11-24 --yes --confirm 12",
    ),
)
@click.argument("stretch", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(["shadow", "rebuild", "live"]),
    default="shadow",
    show_default=True,
    help="Compare with what was decided then; make it anew; or hand it to the outbox once more.",
)
@options.data
@options.kafka
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME=PATH",
    help="A history that was never run: a file, a folder, or topic:TOPIC. May be given several times.",
)
@click.option(
    "--until",
    metavar="TIME",
    help="With --source: where the history ends; without it, 60 days after its last event.",
)
@click.option(
    "--order", "orders", multiple=True, metavar="ID", help="Only this order. May be given several times."
)
@options.policy
@words.settings
@options.templates
@click.option(
    "--jobs", type=click.IntRange(1), help="How many processes fold at once; without it, one per core."
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that keeps where the replay stands; with it, a replay that was stopped goes on.",
)
@click.option(
    "--out",
    metavar="FILE",
    help="With rebuild: write the decisions there, as CloudEvents, one per line; or -.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With rebuild: write the orders there, one per line as JSON, addresses included.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="How many orders are shown; 0 shows all.",
)
@click.option(
    "--max-age",
    "ages",
    multiple=True,
    metavar="PURPOSE=TIME",
    help="With live: how old an apology (2d), a note (1d) or a remedy (2d) may be. May be given several times.",
)
@click.option("--yes", is_flag=True, help="With live: do it. Without it, the list is all that comes of it.")
@click.option(
    "--confirm",
    type=click.IntRange(0),
    metavar="N",
    help="With live and --yes: how many mails may go out, as the list says; asked for on a terminal.",
)
@options.as_json
def command(
    stretch: tuple[str, ...],
    mode: str,
    data: Path | None,
    kafka: str | None,
    sources: tuple[str, ...],
    until: str | None,
    orders: tuple[str, ...],
    policy: Path | None,
    overrides: tuple[str, ...],
    templates: Path | None,
    jobs: int | None,
    resume: Path | None,
    out: str | None,
    state: Path | None,
    limit: int,
    ages: tuple[str, ...],
    confirm: int | None,
    *,
    yes: bool,
    as_json: bool,
) -> int:
    """Run a history through today's code and policy; nothing is sent, bought or shipped.

    STRETCH says of which part to tell: places as journal:3@120..900, days or instants as
    2026-11-17..2026-11-18. All of a partition is folded from its beginning, whatever is told of it.

    shadow compares with what was decided then and shows where each order differs first (exit code 1).
    rebuild says what is decided today. live puts what was decided in the stretch into the outbox: only with
    --yes and the number of mails, never what is too old, and what was sent is not sent again.
    """
    from streams.cli.moments import moment_of
    from streams.cli.replay.checks import check, read_ages
    from streams.cli.replay.modes import Run
    from streams.ops.replay.crew import Stop, cores
    from streams.ops.replay.today import todays_policy
    from streams.ops.replay.travel import Route
    from streams.ops.stretch import parse
    from streams.settings import load

    check(mode, sources, until, out, state, ages, confirm, yes=yes, as_json=as_json)
    asked, end, limits = parse(stretch, orders), moment_of("--until", until), read_ages(ages)
    # News of a replacement goes to another order: told by itself, a source is whole in one partition only.
    partitions = 1 if sources else None
    settings = load(data=data, kafka=kafka, policy=policy, templates=templates, partitions=partitions)
    judge, notes = todays_policy(settings, words.read(overrides))
    stop, spools = Stop(), out is not None or state is not None
    with ExitStack() as stack:
        stack.enter_context(_signals(stop))
        if yes and kafka is None:
            stack.enter_context(_alone(settings))
        history = stack.enter_context(_opened(data, sources, settings, end, kafka=kafka is not None))
        route = Route(
            history=history,
            policy=judge,
            stretch=asked,
            to_the_end=mode == "live",
            retold=bool(sources),
            until=end,
        )
        about = {"mode": mode, "until": str(end), "output": f"{out is not None} {state is not None}"}
        route, extents = stack.enter_context(_bookmarked(route, resume, about, spools=spools))
        run = Run(route, extents, jobs or cores(), stop, limit or None, as_json)
        if mode == "shadow":
            code = run.shadow()
        elif mode == "rebuild":
            code = run.rebuild(out, state)
        else:
            code = run.live(settings, limits, notes, confirm, yes=yes, kafka=kafka is not None)
        if code is None:
            return _stopped(resume)
        if resume is not None and route.bookmark is not None:
            route.bookmark.discard()
        return code


# ---------------------------------------------------------------------------- before it begins


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Stop behind the block that is folded at the first SIGTERM or SIGINT; give up at the second."""

    def ask(*_signal: object) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.ask()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the data folder: its decisions have numbers, which a running process counts for itself."""
    from streams.cli.folder import JOURNAL, hold

    if not (settings.data / JOURNAL).exists():
        yield  # opening it says what is wrong
        return
    with hold(settings.data):
        yield


@contextmanager
def _opened(
    data: Path | None, sources: tuple[str, ...], settings: Settings, until: datetime | None, *, kafka: bool
) -> Iterator[History]:
    """Yield the history that is named; a source is read whole first, with a count of its records."""
    from streams.ops.opening import open_history

    with progress("records", None, shown=bool(sources)) as move:
        history = open_history(
            data=data, kafka=kafka, sources=sources, settings=settings, until=until, progress=move
        )
    try:
        yield history
    finally:
        history.close()


@contextmanager
def _bookmarked(
    route: Route, resume: Path | None, about: dict[str, str], *, spools: bool
) -> Iterator[tuple[Route, tuple[Extent, ...]]]:
    """Yield the route with the file that keeps its state, or its output until all partitions are at their end."""
    import msgspec

    from streams.cli.replay.checks import check_partitions
    from streams.ops.replay.bookmark import Bookmark
    from streams.pipeline.shape import state_shape

    there = route.history.extents()
    check_partitions(route.stretch, there)
    chosen = set(route.stretch.partitions(one.partition for one in there))
    extents = tuple(one for one in there if one.partition in chosen)
    if resume is not None:
        bookmark = Bookmark(resume)
        stretch = msgspec.json.encode(route.stretch, order="deterministic").decode()
        extents = bookmark.begin(
            {
                **about,
                "history": route.history.name,
                "policy": route.policy.version,
                "stretch": stretch,
                "shape of orders": state_shape(),
            },
            extents,
        )
        try:
            yield msgspec.structs.replace(route, bookmark=bookmark, keeps_state=True), extents
        finally:
            bookmark.close()
        return
    if not spools:
        yield route, extents
        return
    with tempfile.TemporaryDirectory(prefix="firstword-replay-") as folder:
        bookmark = Bookmark(Path(folder) / "output.sqlite")
        try:
            yield msgspec.structs.replace(route, bookmark=bookmark), extents
        finally:
            bookmark.close()


def _stopped(resume: Path | None) -> int:
    if resume is None:
        click.echo("stopped; with --resume FILE a replay can go on where it stood", err=True)
    else:
        click.echo(f"stopped; the same command goes on where it stood, by {resume}", err=True)
    return _STOPPED
