"""The files that people write, read and put back safely: never outside the folder, never half, never over somebody else's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from streams.problems import InputProblem, UsageProblem, WorldProblem
from streams.templating.sources import CARD, LOCALE

LARGEST: Final = 100_000  # bytes; the longest words that came with us have three thousand
_MESSAGE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RENDERING: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z_@0-9]{2,40}\.(txt|html|subject)")
_DEPTH: Final = 3  # <message>/samples/<name>.json


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A file: its ``mark`` is another one when its content is; ``own`` when it lies in the shop's own folder."""

    text: str
    mark: str
    own: bool
    place: str


class Conflict(InputProblem):
    """Somebody else has saved the file since it was opened; ``theirs`` is what it holds now."""

    def __init__(self, theirs: Text) -> None:
        super().__init__(
            "studio-conflict",
            "somebody else has saved this file since you opened it",
            where=theirs.place,
            hint="look at both, and save again what shall stand",
        )
        self.theirs = theirs


class Folder:
    """The templates that came with us, and the shop's own before them; only one of the two is ever written to."""

    def __init__(self, shipped: Path, own: Path | None) -> None:
        self.shipped = shipped.resolve()
        self.own = own.resolve() if own is not None and own.resolve() != self.shipped else None

    @property
    def writable(self) -> Path:
        """Return the folder that is written to."""
        return self.own or self.shipped

    @property
    def shown(self) -> str:
        """Return what a person calls it."""
        return "templates" if self.own is None else self.own.name

    def read(self, message: str, file: str) -> Text:
        """Return a file as it holds now: the shop's own before ours.

        Raises:
            InputProblem: ``studio-file-unknown``: there is none of that name; ``studio-outside``: it leads out.
        """
        check_names(message, file)
        for root, own in self._roots():
            found = _content(root, Path(message, file))
            if found is not None:
                shown = root.name if own else "templates"
                return Text(
                    text=_decoded(found, file),
                    mark=mark_of(found),
                    own=own,
                    place=f"{shown}/{message}/{file}",
                )
        raise InputProblem(
            "studio-file-unknown",
            f"{message} has no {file}",
            where=f"{self.shown}/{message}/{file}",
            hint="save it first, or choose another language",
        )

    def root_of(self, message: str, file: str) -> Path:
        """Return the folder in which a file lies now; the one that is written to where there is no such file."""
        check_names(message, file)
        return next((root for root, _ in self._roots() if (root / message / file).is_file()), self.writable)

    def shipped_text(self, message: str, file: str) -> str | None:
        """Return what came with us under this name, where the shop has its own beside it."""
        check_names(message, file)
        found = None if self.own is None else _content(self.shipped, Path(message, file))
        return None if found is None else _decoded(found, file)

    def write(self, message: str, file: str, text: str, mark: str) -> str:
        """Put a file into the folder and return its new mark; ``mark`` is that of what was opened ("" for nothing).

        Raises:
            Conflict: somebody else was faster.
            InputProblem: the text is too long, or the folder leads elsewhere.
            WorldProblem: ``studio-unwritable``.
        """
        content = text.encode("utf-8", "surrogatepass")
        _check_content(content, text, file)
        with self._opened(message) as (handle, _):
            theirs = self._held(message, file)
            if theirs is not None and theirs.mark != mark:
                raise Conflict(theirs)
            _replace(handle, file, content)
        return mark_of(content)

    def put(self, message: str, below: str, name: str, content: bytes | None) -> None:
        """Write an accepted rendering below ``<message>/<below>``, or take it away; nobody else writes these.

        Raises:
            InputProblem: the folder leads elsewhere.
            WorldProblem: ``studio-unwritable``.
        """
        check_names(message, CARD)
        if not _RENDERING.fullmatch(name):  # a child that works on drafts has made it up
            raise InputProblem(
                "studio-outside", f"{name[:64]!r} is no name for a mail", where=f"{self.shown}/{message}"
            )
        with self._opened(message) as (handle, place), _step(handle, below, place) as inner:
            if content is not None:
                _replace(inner, name, content)
            else:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=inner)

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return every file that counts, with what changes when it does."""
        found: dict[str, tuple[int, int]] = {}
        for root, _ in reversed(list(self._roots())):
            _walk(root, "", found)
        return found

    def _held(self, message: str, file: str) -> Text | None:
        try:
            return self.read(message, file)
        except InputProblem as problem:
            if problem.code == "studio-file-unknown":
                return None
            raise

    def _roots(self) -> Iterator[tuple[Path, bool]]:
        if self.own is not None:
            yield self.own, True
        yield self.shipped, False

    @contextmanager
    def _opened(self, message: str) -> Iterator[tuple[int, str]]:
        """Yield the message's folder, opened without following links, and held against other studios."""
        place = f"{self.shown}/{message}"
        try:
            root = os.open(self.writable, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(root, fcntl.LOCK_EX)
                with _step(root, message, place) as handle:
                    yield handle, place
            finally:
                os.close(root)
        except OSError as error:
            raise _unwritable(place, error) from error


def mark_of(content: bytes) -> str:
    """Return what a content is known by."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def check_names(message: str, file: str) -> None:
    """Refuse what cannot be a file of a message, before it becomes part of a path.

    Raises:
        InputProblem: ``studio-file-unknown``.
    """
    named = file == CARD or (file.endswith(".md") and LOCALE.fullmatch(file.removesuffix(".md")))
    if not _MESSAGE.fullmatch(message) or not named:
        raise InputProblem(
            "studio-file-unknown",
            f"{message[:64]}/{file[:64]} is no file of a message",
            why="a message has a message.toml, and words such as en.md, pt_BR.md or en@b.md",
            hint="open it from the list",
        )


def check_draft(message: str, file: str, text: str) -> None:
    """Refuse what cannot be a file, or its content, before anybody reads it.

    Raises:
        InputProblem: ``studio-file-unknown``, ``studio-text-unfit``.
    """
    check_names(message, file)
    _check_content(text.encode("utf-8", "surrogatepass"), text, file)


def _check_content(content: bytes, text: str, file: str) -> None:
    why = ""
    if len(content) > LARGEST:
        why = f"it has {len(content):,} bytes; a file may have {LARGEST:,}"
    elif "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        why = "it has characters that no text file can hold"
    if why:
        raise InputProblem("studio-text-unfit", f"{file} cannot hold this text", where=file, why=why)


def _content(root: Path, name: Path) -> bytes | None:
    """Return a file's content; links are followed as long as they stay below the folder."""
    path = root / name
    try:
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise InputProblem(
                "studio-outside",
                f"{name} leads out of the folder",
                where=f"{root.name}/{name}",
                why="it is a link to somewhere else",
                hint="put a file in its place",
            )
        with path.open("rb") as file:
            return file.read(LARGEST * 4)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unwritable(f"{root.name}/{name}", error) from error


def _decoded(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputProblem("studio-text-unfit", f"{file} is not UTF-8", where=file, why=str(error)) from error


@contextmanager
def _step(handle: int, name: str, place: str) -> Iterator[int]:
    """Yield a folder below an opened one, made if need be; a link is not followed, wherever it leads."""
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=handle)
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
    except NotADirectoryError as error:  # what Linux says of a link, too
        raise InputProblem(
            "studio-outside",
            f"{place} is not a folder of its own",
            where=place,
            why="it is a link, or a file",
            hint="put a folder in its place",
        ) from error
    try:
        yield inner
    finally:
        os.close(inner)


def _replace(handle: int, name: str, content: bytes) -> None:
    """Put a content in a name's place, whole or not at all, also when the power fails."""
    draft = f".{secrets.token_hex(8)}.draft"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=handle)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, name, src_dir_fd=handle, dst_dir_fd=handle)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft, dir_fd=handle)
        raise
    os.fsync(handle)


def _walk(folder: Path, name: str, found: dict[str, tuple[int, int]], depth: int = 0) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir() and depth < _DEPTH - 1:
                _walk(folder / entry.name, below, found, depth + 1)
            elif entry.is_file():
                stat = entry.stat()
                found[below] = (stat.st_mtime_ns, stat.st_size)


def refuse_installed(shipped: Path, own: Path | None) -> None:
    """Refuse to write into an installed program: the next upgrade would take the words away.

    Raises:
        UsageProblem: ``studio-no-folder``.
    """
    if own is None and shipped.parent.name == "_assets":
        raise UsageProblem(
            "studio-no-folder",
            "the studio needs a folder of your own to write to",
            where=str(shipped),
            why="the words that came with the program are replaced by its next version",
            hint="firstword studio --templates words (any folder; only what you change is kept there)",
        )


def _unwritable(place: str, error: OSError) -> WorldProblem:
    return WorldProblem(
        "studio-unwritable",
        f"{place} cannot be read or written",
        where=place,
        why=error.strerror or str(error),
        hint="look at who may write to the folder, and whether the disk has room",
    )
