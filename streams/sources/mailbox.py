"""Finds mails where mail systems leave them: a Maildir with its folders, ``.eml`` files, standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from streams.pipeline.ports import Record, Rejected
from streams.problems import InputProblem
from streams.sources.mail import LARGEST
from streams.sources.reading import STANDARD_INPUT, opened, unreadable

_DELIVERED = ("new", "cur")  # the folders of a Maildir in which mails are whole; ``tmp`` is being written
_ENDINGS = (".eml", ".eml.gz")


def mails(source: str, location: str, *, after: int) -> Iterator[Record]:
    """Yield one record per mail behind position ``after``; of a large mail, its beginning.

    Raises:
        InputProblem: ``source-not-found`` or ``source-empty``.
    """
    for position, place, file in _found(location):
        content = _content(file) if position > after else None
        if content is not None:
            raw, wrong = content
            yield Record(source=source, place=place, position=position, raw=raw, parsed=wrong)


def _found(location: str) -> Iterator[tuple[int, str, Path | None]]:
    if location == STANDARD_INPUT:
        yield 0, "standard input", None
        return
    path = Path(location)
    if path.is_file():
        yield 0, path.name, path
    elif any((path / name).is_dir() for name in _DELIVERED):
        yield from _maildir(path)
    else:
        files = enumerate(_letters(path))
        yield from ((position, _place(file, path), file) for position, file in files)


def _maildir(path: Path) -> list[tuple[int, str, Path]]:
    """Return the mails of a Maildir, each at the microsecond of its arrival.

    People and programs take mails out of a Maildir, so counting them would lose the place. Moving a mail
    from ``new`` to ``cur`` and marking it as read leave its time alone.
    """
    mails = []
    for file in path.rglob("*"):
        if file.parent.name not in _DELIVERED or file.name.startswith("."):
            continue
        try:
            mails.append((file.stat().st_mtime_ns // 1000, _place(file, path), file))
        except OSError:  # a mail program has moved it meanwhile: it is found again at the next reading
            continue
    return sorted(mails)


def _place(file: Path, path: Path) -> str:
    """Return a file's name within the folder; names may be any bytes, and a place is text."""
    return bytes(file.relative_to(path)).decode("utf-8", "replace")


def _letters(path: Path) -> list[Path]:
    if not path.is_dir():
        raise InputProblem(
            "source-not-found",
            f"there is nothing to read at {path}",
            where=str(path),
            why="it is neither a file nor a folder",
            hint="check the path behind --source NAME=",
        )
    found = sorted(
        file for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(_ENDINGS)
    )
    if not found:
        raise InputProblem(
            "source-empty",
            f"there is nothing to read in {path}",
            where=str(path),
            why="it is no Maildir (it has neither new nor cur), and no file ends in .eml or .eml.gz",
            hint="name the Maildir itself, or a mail directly to have it read whatever its ending",
        )
    return found


def _content(file: Path | None) -> tuple[bytes, Rejected | None] | None:
    """Return what a file begins with and what is wrong with it, or None when somebody has taken it away."""
    if file is None:
        return sys.stdin.buffer.read(LARGEST), None
    try:
        with opened(file if file.exists() else _moved(file)) as handle:
            return handle.read(LARGEST), None
    except FileNotFoundError:
        return None
    except Exception as error:  # noqa: BLE001 - gzip, zlib and the disk each have their own; none may end the reading
        return b"", unreadable(error)


def _moved(file: Path) -> Path:
    """Return where a mail is that a mail program has looked at or marked meanwhile: only its flags are new."""
    unique = escape(file.name.partition(":")[0])
    folders = (file.parent.parent / name for name in _DELIVERED)
    found = (other for folder in folders for other in folder.glob(f"{unique}*"))
    return next(found, file)
