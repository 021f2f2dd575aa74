"""The bar of a replay: how far it is, how fast it goes, and how long it still takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from streams.ops.history import Extent
from streams.ops.replay.crew import Moved


@contextmanager
def bar(extents: Sequence[Extent]) -> Iterator[Callable[[Moved], None]]:
    """Show how far we are, how fast, and how long it still takes, on standard error when that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _moved: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from streams.clock import stopwatch
    from streams.ops.replay.pace import Pacer

    pacer, began = Pacer(extents), stopwatch()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
    )
    # It draws when it is told to: a thread of its own could not live through a fork.
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as drawn:
        task = drawn.add_task("replay", total=max(1, pacer.total), rate="")

        def report(moved: Moved) -> None:
            pacer.take(moved)
            pace = pacer.pace(stopwatch() - began)
            drawn.update(task, completed=pace.done, rate=_rate(pace.events_per_second, pace.left))
            drawn.refresh()

        yield report


def _rate(events_per_second: int, left: float | None) -> str:
    if left is None:
        return f"{events_per_second:,} events/s"
    minutes, seconds = divmod(round(left), 60)
    hours, minutes = divmod(minutes, 60)
    time_left = f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
    return f"{events_per_second:,} events/s, {time_left} left"
