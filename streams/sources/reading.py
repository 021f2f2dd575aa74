"""Reads files, folders and standard input into records without ever holding more than one record.

Two shapes: *lines* (NDJSON: one record per line) and *documents* (a ``.json`` file is one record, unless
its first line is already a whole value and more lines follow). ``.gz`` is unpacked on the way. A line over
the limit is skipped in pieces and becomes one record that only carries its first kilobyte.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from streams.codec.strict_json import MAX_BYTES, too_large
from streams.pipeline.ports import Record, Rejected
from streams.problems import InputProblem

STANDARD_INPUT = "-"
_KEPT = 1024  # bytes kept of a line that is too long: enough to see what it is
_BOM = b"\xef\xbb\xbf"
_LINES = (".ndjson", ".jsonl")
_DOCUMENTS = (".json",)
_BROKEN_FILE = (OSError, EOFError, zlib.error)

Found = tuple[str, bytes, Rejected | None]
"""Place, bytes, and what is wrong already, if anything."""


def rejected(problem: InputProblem) -> Rejected:
    """Return the rejection that tells of ``problem``."""
    where = f" (at {problem.where})" if problem.where else ""
    return Rejected(code=problem.code, why=f"{problem.what}{where}: {problem.why}", hint=problem.hint)


def records(source: str, location: str, *, after: int) -> Iterator[Record]:
    """Yield the records of ``location`` behind position ``after``.

    Raises:
        InputProblem: ``source-not-found`` or ``source-empty``: there is no such file, or a folder has
            nothing to read in it.
    """
    for position, (place, raw, wrong) in enumerate(_everything(location)):
        if position > after:
            yield Record(source=source, place=place, position=position, raw=raw, parsed=wrong)


def _everything(location: str) -> Iterator[Found]:
    if location == STANDARD_INPUT:
        yield from lines(sys.stdin.buffer, "standard input")
        return
    path = Path(location)
    for file in files(path):
        name = file.name if file == path else str(file.relative_to(path))
        yield from _one_file(file, name)


def files(path: Path) -> list[Path]:
    """Return the readable files of a folder in the order of their names, or the file itself.

    Raises:
        InputProblem: ``source-not-found`` or ``source-empty``.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputProblem(
            "source-not-found",
            f"there is nothing to read at {path}",
            where=str(path),
            why="it is neither a file nor a folder",
            hint="check the path behind --source NAME=",
        )
    found = sorted(
        file for file in path.rglob("*") if file.is_file() and _ending(file) in _LINES + _DOCUMENTS
    )
    if not found:
        raise InputProblem(
            "source-empty",
            f"there is nothing to read in {path}",
            where=str(path),
            why="no file ends in .ndjson, .jsonl or .json (each also with .gz)",
            hint="name a file directly to have it read whatever its ending",
        )
    return found


def _ending(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()


def _one_file(file: Path, name: str) -> Iterator[Found]:
    try:
        with opened(file) as handle:
            yield from documents(handle, name) if _ending(file) in _DOCUMENTS else lines(handle, name)
    except _BROKEN_FILE as error:
        yield name, b"", unreadable(error)


@contextmanager
def opened(file: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked when its name ends in ``.gz``."""
    if file.name.endswith(".gz"):
        with gzip.open(file, "rb") as packed:
            yield packed  # type: ignore[misc]  # GzipFile reads like IO[bytes]; typeshed says otherwise
    else:
        with file.open("rb") as plain:
            yield plain


def unreadable(error: Exception) -> Rejected:
    """Return the rejection for a file that breaks off while it is read."""
    return Rejected(
        code="file-unreadable",
        why=f"the file breaks off here: {str(error) or type(error).__name__}",
        hint="fetch the file again; for .gz, `gzip -t FILE` tells whether it is whole",
    )


def lines(handle: IO[bytes], name: str, *, above: int = 0) -> Iterator[Found]:
    """Yield the lines of ``handle`` that are not blank, counted from 1 behind the lines ``above``."""
    number = above
    while line := handle.readline(MAX_BYTES + 1):
        number += 1
        if len(line) > MAX_BYTES and not line.endswith(b"\n"):
            size = len(line) + _skip_line(handle)
            yield f"{name}:{number}", line[:_KEPT], rejected(too_large(size))
            continue
        text = (line.removeprefix(_BOM) if number == 1 else line).strip()
        if text:
            yield f"{name}:{number}", text, None


def documents(handle: IO[bytes], name: str) -> Iterator[Found]:
    """Yield a document: one record, or one per line when its first line is already a whole value."""
    head = handle.readline(MAX_BYTES + 1)
    if len(head) > MAX_BYTES and not head.endswith(
        b"\n"
    ):  # nobody writes a pretty-printed document with such a first line
        yield f"{name}:1", head[:_KEPT], rejected(too_large(len(head) + _skip_line(handle)))
        yield from lines(handle, name, above=1)
        return
    head = head.removeprefix(_BOM)
    if _is_whole(head):
        yield f"{name}:1", head.strip(), None
        yield from lines(handle, name, above=1)
        return
    second = handle.readline(MAX_BYTES + 1)
    if _looks_like_lines(head, second):
        yield f"{name}:1", head.strip(), None
        yield f"{name}:2", second.strip(), None
        yield from lines(handle, name, above=2)
        return
    text = head + second + handle.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        size = len(text) + _skip_all(handle)
        yield name, text[:_KEPT], rejected(too_large(size))
    else:
        yield name, text.strip(), None


def _looks_like_lines(head: bytes, second: bytes) -> bool:
    """True when the first line is a damaged record: in an object over many lines no second one opens with {."""
    return head.startswith(b"{") and second.startswith(b"{") and len(second) <= MAX_BYTES


def _is_whole(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _skip_line(handle: IO[bytes]) -> int:
    skipped = 0
    while piece := handle.readline(MAX_BYTES):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def _skip_all(handle: IO[bytes]) -> int:
    skipped = 0
    while piece := handle.read(MAX_BYTES):
        skipped += len(piece)
    return skipped
