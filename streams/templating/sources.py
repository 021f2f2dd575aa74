"""Which file holds: everything that a mail is made of, file by file, the shop's own before those that came with us.

A folder of the shop's (an *override*) needs only the files that it changes: ``lost/en.md`` alone changes one
text, ``_parts/button.mjml`` one part, ``brand.toml`` who speaks. Whatever it does not have is inherited.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.assets import templates_dir
from streams.problems import TemplateProblem

CARD: Final = "message.toml"
BRAND: Final = "brand.toml"
LOGO: Final = "logo.png"
# A locale as CLDR writes it, and the letter of a variant where it is one: pt_BR, zh_Hant_TW, en@b.
LOCALE: Final = re.compile(
    r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?(@(?P<variant>[a-z][a-z0-9]{0,15}))?"
)
_SHARED: Final = (BRAND, LOGO, "_phrases/*.toml", "_parts/*", "_layout/*")
_OF_MESSAGES: Final = (f"*/{CARD}", "*/*.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file: ``name`` below its folder (``lost/en.md``), and ``place`` as a person is told of it."""

    name: str
    place: str
    content: bytes

    @property
    def folder(self) -> str:
        """Return the folder of the file: a message, or one of those that all messages share."""
        return self.name.rpartition("/")[0]

    @property
    def file(self) -> str:
        """Return the file's own name."""
        return self.name.rpartition("/")[2]

    @property
    def is_shared(self) -> bool:
        """True for what every message is made of: brand, phrases, parts and frame."""
        return not self.folder or self.folder.startswith("_")

    def text(self) -> str:
        """Return what stands in the file.

        Raises:
            TemplateProblem: it is not UTF-8.
        """
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TemplateProblem(
                "template-unreadable", "this file is not UTF-8", where=self.place, why=str(error)
            ) from error


def read_sources(templates: Path, override: Path | None = None) -> dict[str, Source]:
    """Return every file that counts, by name.

    Raises:
        TemplateProblem: a file cannot be read, or stands where nobody would look for it.
        UsageProblem: the override is not a folder.
    """
    found = dict(_files(templates, "templates"))
    if override is not None:
        own = dict(_files(templates_dir(override), override.name or str(override)))
        _refuse_strays(own, found)
        found |= own
    return {name: _read(name, *found[name]) for name in sorted(found)}


def paths_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file of a folder that would count, with its name below it; ``.hidden`` files never do."""
    for pattern in (*_SHARED, *_OF_MESSAGES):
        for path in root.glob(pattern):
            name = path.relative_to(root).as_posix()
            if not (name.startswith(".") or "/." in name) and path.is_file():
                yield name, path


def _files(root: Path, shown: str) -> Iterator[tuple[str, tuple[Path, str]]]:
    for name, path in paths_below(root):
        if not (name.startswith("_") and name.endswith(".md")):
            yield name, (path, f"{shown}/{name}")


def _refuse_strays(own: Mapping[str, tuple[Path, str]], shipped: Iterable[str]) -> None:
    """Words in a folder that is no message would be read by nobody: a slip in its name, most likely."""
    known = {name.partition("/")[0] for name in (*own, *shipped) if name.endswith(f"/{CARD}")}
    for name, (_, place) in sorted(own.items()):
        folder, _, file = name.partition("/")
        if file.endswith(".md") and LOCALE.fullmatch(file[:-3]) and folder not in known:
            raise TemplateProblem(
                "template-card-missing",
                f"there is no message called {folder}, and this folder does not make one",
                where=place,
                why=f"a message of your own needs a {CARD}; to change one of ours the folder bears its name",
                hint=f"rename the folder, or put a {CARD} beside the words",
            )


def _read(name: str, path: Path, place: str) -> Source:
    try:
        return Source(name=name, place=place, content=path.read_bytes())
    except OSError as error:
        raise TemplateProblem(
            "template-unreadable",
            f"{path.name} cannot be read",
            where=place,
            why=str(error.strerror or error),
        ) from error
