"""Reads CSV tables row by row; a bad row is told with its file and line, and the others go on."""

from __future__ import annotations

import csv
import difflib
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from streams.pipeline.ports import Rejected
from streams.problems import InputProblem
from streams.sources.reading import opened, unreadable


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that cannot be read: where it stands, what stands there, and why."""

    place: str
    raw: bytes
    why: Rejected


class Table:
    """One CSV file: its header, and its rows as lists of text."""

    def __init__(self, folder: Path, name: str, delimiter: str) -> None:
        self._file = _find(folder, name)
        self.name = self._file.name
        content, self._broken = self._content()
        try:
            text = content.decode("utf-8-sig")
            self._suspicious = "\0" in text
        except UnicodeDecodeError:
            text = content.decode("utf-8-sig", "surrogateescape")
            self._suspicious = True
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        self.header = self._header()

    def _content(self) -> tuple[bytes, Rejected | None]:
        pieces: list[bytes] = []
        broken = None
        try:
            with opened(self._file) as handle:
                while piece := handle.read(1 << 20):
                    pieces.append(piece)
        except (OSError, EOFError, zlib.error) as error:
            broken = unreadable(error)  # the rows before the break are as good as ever
        return b"".join(pieces), broken

    def _header(self) -> list[str]:
        try:
            return [column.strip() for column in next(self._reader)]
        except (StopIteration, csv.Error):
            return []

    def column(self, name: str | None) -> int:
        """Return where the column ``name`` stands; for None the empty cell behind every row.

        Raises:
            InputProblem: ``column-missing``, with the nearest name that is there.
        """
        if name is None:
            return len(self.header)
        if name in self.header:
            return self.header.index(name)
        nearest = difflib.get_close_matches(name, self.header, n=1, cutoff=0.4)
        raise InputProblem(
            "column-missing",
            f"the column {name!r} is missing",
            where=f"{self.name}:1",
            why="the header has " + (", ".join(self.header)[:400] or "no columns at all"),
            hint=f"did you mean {nearest[0]!r}? Name it so in mapping.toml"
            if nearest
            else "name the columns in mapping.toml",
        )

    def rows(self) -> Iterator[tuple[int, list[str]] | BadRow]:
        """Yield the line number and the cells of every row, an empty one added; or what is wrong with it."""
        width = len(self.header)
        while True:
            line = self._reader.line_num + 1
            try:
                row = next(self._reader)
            except StopIteration:
                break
            except csv.Error as error:
                yield self.bad(line, [], "csv-malformed", str(error), "look for a quote that is never closed")
                continue
            if len(row) == width and not (self._suspicious and _unusable(row)):
                row.append("")
                yield line, row
            elif row:
                yield self._explained(line, row, width)
        if self._broken is not None:
            yield BadRow(place=f"{self.name}:{self._reader.line_num + 1}", raw=b"", why=self._broken)

    def _explained(self, line: int, row: list[str], width: int) -> BadRow:
        if _unusable(row):
            hint = "save the table as UTF-8, for example with `iconv -f ISO-8859-1 -t UTF-8`"
            return self.bad(line, row, "not-utf8", "the row holds bytes that are not UTF-8, or a NUL", hint)
        why = f"the row has {len(row)} columns, the header {width}"
        return self.bad(line, row, "csv-columns", why, "look for a quote or delimiter inside a value")

    def bad(self, line: int, row: list[str], code: str, why: str, hint: str) -> BadRow:
        """Return the bad row that stands at ``line``."""
        raw = ",".join(row).encode("utf-8", "surrogateescape")[:1024]
        return BadRow(place=f"{self.name}:{line}", raw=raw, why=Rejected(code=code, why=why, hint=hint))


def present(folder: Path, name: str) -> bool:
    """True when the table, or its ``.gz``, is in the folder."""
    return any((folder / found).is_file() for found in (name, name + ".gz"))


def _find(folder: Path, name: str) -> Path:
    for found in (folder / name, folder / (name + ".gz")):
        if found.is_file():
            return found
    raise InputProblem(
        "table-missing",
        f"the table {name} is missing",
        where=str(folder),
        why="neither the file nor its .gz is there",
        hint="without mapping.toml the folder must hold the published Olist files; "
        "`firstword explain csv_history` shows a mapping",
    )


def _unusable(row: list[str]) -> bool:
    # U+DC80 to U+DCFF is what surrogateescape makes of bytes that are not UTF-8.
    return any("\0" in cell or any("\udc80" <= letter <= "\udcff" for letter in cell) for cell in row)
