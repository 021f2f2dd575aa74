"""What git knows of a file: it is the history of the words, where the folder is kept in it. Only ever asked, never told."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

from streams.problems import InputProblem

MOST: Final = 50  # commits of one file
LARGEST: Final = 1_000_000  # bytes of an answer
_SECONDS: Final = 5.0
_HASH: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_MARK: Final = "\x1f"
# Nothing that a repository's own settings name is run: no pager, no monitor, no filter of a diff, no signature.
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", "core.pager=cat", "-c", "log.showSignature=false")
_NO_FILTERS: Final = ("--no-ext-diff", "--no-textconv", "--no-color")


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a file."""

    hash: str
    when: str
    who: str
    subject: str


async def commits(folder: Path, name: str) -> list[Commit] | None:
    """Return the versions of a file, the newest first; None where no git knows the folder."""
    form = f"--format=%H{_MARK}%cI{_MARK}%an{_MARK}%s"
    said = await _git(folder, "log", f"-{MOST}", form, "--no-color", "--", name)
    if said is None:
        return None
    rows = [line.split(_MARK, 3) for line in said.split("\n") if line.count(_MARK) >= 3]
    return [Commit(hash=row[0], when=row[1], who=row[2], subject=row[3]) for row in rows]


async def version(folder: Path, name: str, commit: str) -> tuple[str, str]:
    """Return a file as a commit left it, and what that commit changed in it.

    Raises:
        InputProblem: ``studio-version-unknown``.
    """
    text = diff = None
    if _HASH.fullmatch(commit):
        text = await _git(folder, "show", *_NO_FILTERS, f"{commit}:./{name}")
        diff = await _git(folder, "show", "--format=", *_NO_FILTERS, commit, "--", name)
    if diff is None or (text is None and not diff):
        raise InputProblem(
            "studio-version-unknown",
            "there is no such version of this file",
            hint="choose one from its history",
        )
    return text or "", diff


async def in_head(folder: Path, name: str) -> str | None:
    """Return a file as git has it last; None where git does not have it."""
    return await _git(folder, "show", *_NO_FILTERS, f"HEAD:./{name}")


async def _git(folder: Path, *words: str) -> str | None:
    """Return what git says; None where there is none, where it knows nothing, or where it takes too long."""
    program = shutil.which("git")
    if program is None:
        return None
    process = await asyncio.create_subprocess_exec(
        *(program, "--no-pager", "--no-optional-locks", *_QUIET, "-C", str(folder), *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_SECONDS):
            said = await _all(process.stdout)
            code = await process.wait()
    except (TimeoutError, ValueError):
        process.kill()
        await process.wait()
        return None
    return said.decode("utf-8", "replace") if code == 0 else None


async def _all(stream: asyncio.StreamReader) -> bytes:
    """Return all of a stream, as long as that is not too much."""
    parts: list[bytes] = []
    size = 0
    while part := await stream.read(65536):
        size += len(part)
        if size > LARGEST:
            raise ValueError(size)
        parts.append(part)
    return b"".join(parts)
