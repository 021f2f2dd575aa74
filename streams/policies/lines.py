"""On which line of a TOML file a value stands: ``tomllib`` does not say, and people search by line.

Reads only text that ``tomllib`` has accepted before, so it need not find mistakes, only places.
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' + r"|'''.*?'{3,5}(?!')" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")


def locate(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every table, key and array element, by its path.

    ``[[test]]`` counts from 0: the second test's name is at ``("test", 1, "name")``.
    """
    return _Reader(text).read()


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of ``path``, or of the nearest table around it, or 1."""
    for length in range(len(path), 0, -1):
        line = lines.get(path[:length])
        if line is not None:
            return line
    return 1


class _Reader:
    """One pass over the text, keeping the path of what is being read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def read(self) -> dict[Path, int]:
        table: Path = ()
        self._blank()
        while self._at < len(self._text):
            if self._text.startswith("[[", self._at):
                table = self._header(2)
            elif self._text[self._at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
            self._blank()
        return self._lines

    def _blank(self) -> None:
        found = _BLANK.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _mark(self, path: Path, at: int) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, at) + 1)

    def _header(self, brackets: int) -> Path:
        start = self._at
        self._at += brackets
        names = self._names()
        self._at += brackets
        parent = self._inside(names[:-1])
        path: Path = (*parent, names[-1])
        if brackets == 2:
            index = self._counts.get(path, -1) + 1
            self._counts[path] = index
            self._mark(path, start)
            path = (*path, index)
        self._mark(path, start)
        return path

    def _inside(self, names: tuple[str, ...]) -> Path:
        """Follow table names; the name of an array of tables means its newest element."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._counts:
                path = (*path, self._counts[path])
        return path

    def _names(self) -> tuple[str, ...]:
        names = []
        while True:
            found = _KEY.match(self._text, self._at)
            assert found is not None
            names.append(next(group for group in found.groups() if group is not None))
            self._at = found.end()
            if self._text[self._at : self._at + 1] != ".":
                return tuple(names)
            self._at += 1

    def _pair(self, table: Path) -> None:
        start = self._at
        names = self._names()
        self._at += 1  # the equals sign
        path = table
        for name in names:
            path = (*path, name)
            self._mark(path, start)
        self._value(path)

    def _value(self, path: Path) -> None:
        self._blank()
        self._mark(path, self._at)
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            found = (_STRING if opening in "\"'" else _PLAIN).match(self._text, self._at)
            assert found is not None
            self._at = found.end()

    def _array(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._closes("]"):
            self._value((*path, index))
            index += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while not self._closes("}"):
            self._pair(path)

    def _closes(self, bracket: str) -> bool:
        self._blank()
        if self._text[self._at] == ",":
            self._at += 1
            self._blank()
        if self._text[self._at] == bracket:
            self._at += 1
            return True
        return False
