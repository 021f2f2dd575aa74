"""A data directory: the names in it, and its lock; two processes in one would each believe they were alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.cli.output import unwritable
from streams.problems import UsageProblem

JOURNAL = "journal.sqlite"
LEDGER = "ledger.sqlite"
LOCK = "lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; the system lets go of it however the process dies.

    Raises:
        UsageProblem: another process holds it.
        WorldProblem: the folder cannot be written.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise unwritable(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise _in_use(folder, file.read().strip()) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_held(folder: Path) -> bool:
    """Return whether a process works in ``folder`` now."""
    path = folder / LOCK
    if not path.exists():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _in_use(folder: Path, process: str) -> UsageProblem:
    return UsageProblem(
        "data-in-use",
        f"another firstword works in {folder}",
        where=str(folder / LOCK),
        why=f"process {process} holds it" if process else "its lock is held",
        hint="stop that process first, or name another folder with --data",
    )
