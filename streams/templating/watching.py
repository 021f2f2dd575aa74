"""Takes edited words without a restart: looked at once a second, compiled, read by the rules, and only then sent.

What is not fit to be sent changes nothing: the words of before go on, and the log says why, once. Mails that
were begun are finished in their own words either way (:mod:`streams.pipeline.ports`, ``Pin``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from streams import telemetry
from streams.clock import stopwatch
from streams.problems import Problem
from streams.templating.catalogue import Catalogue, load_catalogue
from streams.templating.renderer import CatalogueRenderer

EVERY: Final = 1.0  # seconds between two looks
_SUFFIXES: Final = (".md", ".toml", ".mjml", ".txt", ".png")

# Of each file what tells that it was written: its name, inode, size and time.
Stand = frozenset[tuple[str, int, int, int]]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why edited words are not sent: ``code`` is a problem's, or the rule that they break."""

    code: str
    where: str
    why: str


class Watch:
    """A look after the folders of a renderer, in a thread of its own while the ``with`` block lasts.

    ``refusal`` is why the words that lie there now are not the ones that are sent; None when they are.
    """

    def __init__(self, renderer: CatalogueRenderer, templates: Path, override: Path | None) -> None:
        self._renderer = renderer
        self._templates = templates
        self._override = override
        self._judged: Stand | None = None  # None: an edit between the first reading and now is not missed
        self._doubted: Stand | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.refusal: Refusal | None = None

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread = threading.Thread(target=self._keep_looking, name="words", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no more."""
        self.close()

    def close(self) -> None:
        """Look no more; a look under way is over in a moment, and nobody waits for it."""
        self._over.set()

    def look(self) -> None:
        """Take the words that lie in the folders, if they are other ones and fit to be sent."""
        stand = frozenset(_stand(self._templates, self._override))
        if stand == self._judged:
            return
        begun = stopwatch()
        try:
            changed = self._take()
        except _Unfit as unfit:
            # A file that is being written looks broken for a moment: it is believed the second time.
            if stand == self._doubted:
                self._judged = stand
                self._tell(unfit.refusal)
            self._doubted = stand
            return
        self._judged, self.refusal = stand, None
        if changed:
            telemetry.words_taken(templates=", ".join(changed), seconds=round(stopwatch() - begun, 3))

    def _take(self) -> list[str]:
        """Return which messages have other words from now on."""
        before = self._renderer.catalogue
        try:
            catalogue = load_catalogue(self._templates, self._override)
        except Problem as problem:
            raise _Unfit(_of(problem)) from problem
        changed = _changed(before, catalogue)
        if not changed:
            return []
        wrong = list(_gone(before, catalogue)) or self._renderer.prepare(catalogue, changed)
        refusal = _of(wrong[0]) if wrong else unfit(catalogue, before)
        if refusal is not None:
            raise _Unfit(refusal)
        self._renderer.reload(catalogue)
        return changed

    def _tell(self, refusal: Refusal) -> None:
        if refusal != self.refusal:
            self.refusal = refusal
            telemetry.words_refused(code=refusal.code, place=refusal.where, why=refusal.why)

    def _keep_looking(self) -> None:
        while not self._over.wait(EVERY):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - a mistake of ours in here must not end the looking
                self._tell(Refusal(code="internal", where="", why=type(error).__name__))


def unfit(catalogue: Catalogue, before: Catalogue) -> Refusal | None:
    """Return the first rule for which a process that runs with ``before`` would not take these words.

    An error that the words of before have too is no reason: it would keep out what mends another one.
    """
    names = _changed(before, catalogue)
    errors = _errors(catalogue, names)
    if not errors:
        return None
    known = _errors(before, names)
    return next((refusal for mark, refusal in errors.items() if mark not in known), None)


class _Unfit(Exception):  # noqa: N818 - a signal inside this module
    """These words cannot be sent."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.why)
        self.refusal = refusal


def _of(problem: Problem) -> Refusal:
    return Refusal(code=problem.code, where=problem.where, why=problem.what)


def _changed(before: Catalogue, after: Catalogue) -> list[str]:
    """Return the messages that are new, gone, or made of anything else."""
    old, new = _versions(before), _versions(after)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _versions(catalogue: Catalogue) -> Mapping[str, str]:
    return {name: catalogue.version(message, "") for name, message in catalogue.messages.items()}


def _gone(before: Catalogue, after: Catalogue) -> Iterator[Problem]:
    """Yield a problem for each message that is no more: the policy of a running process may still name it."""
    for name in sorted(set(before.messages) - set(after.messages)):
        yield Problem("template-missing", f"the message {name} is gone", where=f"{name}/message.toml")


def _errors(catalogue: Catalogue, names: list[str]) -> dict[tuple[str, str, str], Refusal]:
    """Return what the rules forbid, by rule, file and sentence: lines move with every edit."""
    from streams.templating.lint import lint

    return {
        (finding.rule, _file(finding.where), finding.says): Refusal(
            code=finding.rule, where=finding.where, why=finding.says
        )
        for finding in lint(catalogue, lambda name: name in names)
        if finding.severity == "error"
    }


def _file(where: str) -> str:
    """Return the file of a place, whichever folder it lies in: ``lost/en.md``."""
    return "/".join(where.split(" (", maxsplit=1)[0].partition(":")[0].split("/")[-2:])


def _stand(templates: Path, override: Path | None) -> Iterator[tuple[str, int, int, int]]:
    for folder in (templates, override):
        if folder is not None:
            yield from _files(str(folder))
            for child in _folders(str(folder)):
                yield from _files(child)


def _folders(folder: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_dir():
                yield entry.path


def _files(folder: str) -> Iterator[tuple[str, int, int, int]]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIXES) and not entry.name.startswith("."):
                found = entry.stat()
                yield entry.path, found.st_ino, found.st_size, found.st_mtime_ns
