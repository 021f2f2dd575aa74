"""``firstword backtest``: one history under several policies, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.moments import moment_of
from streams.cli.output import print_document, print_table, progress, write_file

if TYPE_CHECKING:
    from streams.ops.backtest.examples import Reading
    from streams.ops.backtest.figures import Figures
    from streams.ops.backtest.trial import Trial, Watch
    from streams.pipeline.ports import Renderer
    from streams.settings import Settings


@click.command(
    cls=Command,
    examples=(
        "firstword backtest --data shop --policy new.toml",
        "firstword backtest --data shop --set detect.stalled_in_transit.domestic_workdays=2",
        "firstword backtest --data shop --set calm=notify.window=2d --set soon=respond.late_delivery.tell_after=1h",
        "firstword backtest --source csv_history=olist/ --policy now.toml --policy new.toml --html report.html",
        "firstword backtest --kafka broker:9092 --policy new.toml --purse USD=500000 --json",
    ),
)
@options.data
@options.kafka
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="NAME=PATH",
    help="A history that was never journaled: a file, a folder or NAME=topic:TOPIC. May be given several times.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A policy file to measure. May be given several times; the first is what all others are compared with.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="[NAME=]PATH=VALUE",
    help="Measure a variant of the first policy, such as notify.window=12h. With a NAME, one of several variants.",
)
@click.option(
    "--until",
    metavar="TIME",
    help="Where it ends: in the history, or in the silence behind its last event; without it, after 60 days of silence.",
)
@click.option(
    "--purse",
    "purse",
    multiple=True,
    metavar="CURRENCY=MINOR",
    help="How far a sum would go, in minor units as in policy files: USD=500000 is $5,000.00.",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="How many processes; as many as there are cores when left out."
)
@click.option(
    "--examples",
    type=click.IntRange(0, 50),
    default=3,
    show_default=True,
    help="How many orders to show of each sort of change, with their mails.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report there: one page, with charts, for whoever decides.",
)
@click.option(
    "--changed",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every order that fares differently there, one JSON object a line.",
)
@options.templates
@options.as_json
def command(
    data: Path | None,
    kafka: str | None,
    sources: tuple[str, ...],
    policies: tuple[Path, ...],
    sets: tuple[str, ...],
    until: str | None,
    purse: tuple[str, ...],
    jobs: int | None,
    examples: int,
    page: Path | None,
    changed: Path | None,
    templates: Path | None,
    *,
    as_json: bool,
) -> None:
    """Measure policies on what has happened, side by side, before one of them goes live.

    The whole history is folded under each policy, with a clock of its own and a world that says yes: nothing
    is sent, bought or written. It tells who hears, how early, how often in vain, and what it costs. What is
    decided in the silence behind the last event is counted apart.

    A single policy is compared with the one in force. --set makes one variant of all its values, or several
    when each begins with a name: --set calm=notify.window=2d.
    """
    from streams.ops.backtest.figures import figures
    from streams.ops.backtest.lineup import line_up
    from streams.ops.backtest.purse import read_purse
    from streams.ops.backtest.trial import put_on_trial
    from streams.ops.opening import open_history
    from streams.settings import load

    sums, end = read_purse(purse), moment_of("--until", until)
    settings = load(data=data, kafka=kafka, templates=templates)
    line = line_up(policies, sets, settings.policy)
    # Whatever is wrong with the words is said before the work, not after it.
    renderer = _renderer(settings) if examples and (as_json or page is not None) else None
    with _watched(shown=not as_json) as watch:
        watch.begin("reads the history", None)
        history = open_history(
            data=data,
            kafka=kafka is not None,
            sources=sources,
            settings=settings,
            progress=watch.moved,
        )
        try:
            trial = put_on_trial(
                history,
                [one.policy for one in line],
                until=end,
                jobs=jobs,
                examples=examples,
                watch=watch,
            )
        finally:
            history.close()
        found = figures(history.name, line, trial, sums)
        readings = _readings(trial, renderer)
    if changed is not None:
        write_file(changed, _changed(found, trial))
    if page is not None:
        from streams.ops.backtest.report import report

        write_file(page, report(found, readings).encode())
    _tell(found, readings, page, as_json=as_json)


def _tell(found: Figures, readings: list[list[Reading]], page: Path | None, *, as_json: bool) -> None:
    if as_json:
        from streams.ops.backtest.examples import plain

        some = [plain(one) for one in readings]
        print_document({"figures": found, "examples": some, "html": None if page is None else str(page)})
        return
    from streams.ops.backtest.table import heading, lines

    for sentence in heading(found):
        click.echo(sentence)
    click.echo()
    rows = [[label, *cells] for label, cells in lines(found)]
    print_table(["", *(one.name for one in found.policies)], rows)
    if page is not None:
        click.echo(str(page))


def _renderer(settings: Settings) -> Renderer:
    from streams.assets import templates_dir
    from streams.templating.renderer import CatalogueRenderer

    return CatalogueRenderer.from_folder(templates_dir(), settings.templates)


def _readings(trial: Trial, renderer: Renderer | None) -> list[list[Reading]]:
    from streams.ops.backtest.examples import read

    return [read(changes, renderer) for changes in trial.changes] if renderer is not None else []


def _changed(found: Figures, trial: Trial) -> bytes:
    import msgspec

    return b"".join(
        msgspec.json.encode(
            {
                "order_id": one.order_id,
                "first": found.policies[0].name,
                "policy": column.name,
                "change": one.sort,
                "seconds": one.seconds,
            }
        )
        + b"\n"
        for column, changes in zip(found.policies[1:], trial.changes, strict=True)
        for one in changes.orders
    )


@contextmanager
def _watched(*, shown: bool) -> Iterator[Watch]:
    """Show one bar after the other, each with its stage."""
    from contextlib import ExitStack

    from streams.ops.backtest.trial import Watch

    with ExitStack() as bars:
        move = bars.enter_context(progress("", None, shown=False))

        def begin(stage: str, total: int | None) -> None:
            nonlocal move
            bars.close()
            move = bars.enter_context(progress(stage, total, shown=shown))

        def moved(count: int) -> None:
            move(count)  # of the bar that stands there now

        yield Watch(begin=begin, moved=moved)
