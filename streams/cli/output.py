"""What a person sees, and the one JSON document that a program sees; progress goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from streams.problems import Problem, WorldProblem

_UNBOUNDED = 1000  # columns: a table that goes into a file or a pipe is never wrapped


def print_document(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
    sys.stdout.flush()


def print_problem(problem: Problem) -> None:
    """Print a problem for the person who has it, on standard error."""
    click.echo(str(problem), err=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their headings; text is shown as it is, whatever brackets it holds."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold" if terminal else "")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=sys.stdout, highlight=False, width=None if terminal else _UNBOUNDED)
    if terminal:
        console.print(table)
        return
    with console.capture() as capture:
        console.print(table)
    for line in capture.get().splitlines():
        click.echo(line.rstrip())


@contextmanager
def progress(title: str, total: int | None, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a bar on standard error while something goes on, when that is a terminal; yield how to move it."""
    if not (shown and sys.stderr.isatty()):
        yield _no_bar
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        waiting = 0

        def move(count: int) -> None:
            nonlocal waiting
            waiting += count
            if waiting >= 100:
                bar.update(task, advance=waiting)
                waiting = 0

        yield move
        bar.update(task, advance=waiting)


def _no_bar(_count: int) -> None:
    """Show nothing."""


def counted(count: int, one: str) -> str:
    """Return ``1 message`` or ``3 messages``."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def write_file(path: Path, content: bytes) -> None:
    """Write a file, with the folders above it.

    Raises:
        WorldProblem: the disk will not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> WorldProblem:
    """Return the problem of a file that cannot be written."""
    return WorldProblem(
        "file-unwritable",
        f"{path} cannot be written",
        where=str(error.filename or path),
        why=error.strerror or str(error),
        hint="name a place with room that you may write to",
    )
