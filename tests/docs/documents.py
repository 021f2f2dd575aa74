"""Reads the documents at the root: their blocks, what is marked about them, their links and their inline commands."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

_FENCE = re.compile(r"^```(\w*)$")
_MARK = re.compile(r"^<!-- (not run|prints): (.+) -->$")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
_NAMED_TEST = re.compile(r"\[((?:test_|Test)\w+)\]\(([^)#]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: ``mark`` is ``not run`` or ``prints`` where a comment above it says so."""

    name: str
    line: int
    language: str
    text: str
    mark: str | None
    said: str

    @property
    def place(self):
        return f"{self.name}:{self.line}"


def read(name):
    return (ROOT / name).read_text("utf-8")


def blocks(name):
    """Return the fenced blocks of a document, in order."""
    found, mark, opened, held = [], None, None, []
    for number, line in enumerate(read(name).splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is not None:
            if line == "```":
                start, language = opened
                kind, said = mark or (None, "")
                found.append(Block(name, start, language, "\n".join(held) + "\n", kind, said))
                mark, opened, held = None, None, []
            else:
                held.append(line)
        elif fence:
            opened = (number, fence[1])
        elif told := _MARK.match(line):
            mark = (told[1], told[2])
        elif line.strip():
            mark = None
    assert opened is None, f"{name}: the block of line {opened[0]} is never closed"
    return found


def prose(name):
    """Return a document without its blocks."""
    return re.sub(r"^```\w*\n.*?^```$", "", read(name), flags=re.DOTALL | re.MULTILINE)


def links(name):
    """Return where a document points: links and pictures."""
    return [link or picture for link, picture in _LINK.findall(prose(name))]


def named_tests(name):
    """Return the tests that a document names, each with the file that it links."""
    return _NAMED_TEST.findall(prose(name))


def inline(name):
    """Return what stands between single back ticks."""
    return _INLINE.findall(prose(name))


def anchors(name):
    """Return the fragments that a document's headings answer to."""
    headings = re.findall(r"^#+ (.+)$", prose(name), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
