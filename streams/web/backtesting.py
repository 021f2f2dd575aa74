"""Backtests that were asked for from the console: one at a time, each a process of its own, each a folder that stays.

A folder holds ``asked.json``, ``report.html`` and ``said.txt``, and ``ended`` with the exit code.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec

from streams.problems import UsageProblem, WorldProblem
from streams.web.ports import Report, Variant

FOLDER: Final = "backtests"
_SAID: Final = 4_000  # characters of what it printed that are shown
_NAME: Final = re.compile(r"\d{8}-\d{6}(-\d+)?")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, as it is kept."""

    at: datetime
    by: str
    variants: tuple[Variant, ...]
    until: date | None


class Backtests:
    """The backtests below one folder; ``history`` are the options that name what is measured."""

    def __init__(self, folder: Path, history: Sequence[str], clock: Callable[[], datetime]) -> None:
        self._folder = folder / FOLDER
        self._history = tuple(history)
        self._clock = clock
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def ask(self, variants: Sequence[Variant], *, until: date | None, by: str) -> str:
        """Begin one and return its name.

        Raises:
            UsageProblem: ``backtest-running``.
            WorldProblem: ``backtest-not-begun``.
        """
        if any(self._is_running(name) for name in self._running):
            raise UsageProblem(
                "backtest-running",
                "another backtest runs",
                why="it has all cores for itself; two would both take twice as long",
                hint="wait for it to end",
            )
        asked = Asked(at=self._clock(), by=by, variants=tuple(variants), until=until)
        try:
            name = self._begin(asked)
        except OSError as error:
            raise WorldProblem(
                "backtest-not-begun",
                "the backtest could not be begun",
                where=str(self._folder),
                why=str(error),
                hint="check that the folder can be written and the disk has room",
            ) from error
        return name

    def reports(self) -> list[Report]:
        """Return all of them, the newest first."""
        names = sorted((path.name for path in self._folders()), reverse=True)
        return [report for name in names if (report := self._report(name)) is not None]

    def page(self, name: str) -> bytes | None:
        """Return a report's page; None where there is none."""
        if not _NAME.fullmatch(name):
            return None
        with suppress(OSError):
            return (self._folder / name / "report.html").read_bytes()
        return None

    def close(self) -> None:
        """End what runs: nobody would write down how it ended."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
                process.wait()

    def _begin(self, asked: Asked) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = self._free(f"{asked.at:%Y%m%d-%H%M%S}")
        folder = self._folder / name
        (folder / "asked.json").write_bytes(msgspec.json.encode(asked))
        with (folder / "said.txt").open("wb") as said:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own command; every part is checked or ours
                [sys.executable, "-m", "streams", *self._arguments(asked, folder / "report.html")],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        return name

    def _free(self, name: str) -> str:
        """Make a folder that nobody has, and return its name."""
        for number in range(1, 100):
            own = name if number == 1 else f"{name}-{number}"
            with suppress(FileExistsError):
                (self._folder / own).mkdir()
                return own
        raise FileExistsError(name)

    def _arguments(self, asked: Asked, page: Path) -> list[str]:
        sets = [f"{variant.name}={change}" for variant in asked.variants for change in variant.changes]
        until = ["--until", asked.until.isoformat()] if asked.until is not None else []
        chosen = [part for one in sets for part in ("--set", one)]
        return ["backtest", *self._history, *chosen, *until, "--html", str(page)]

    def _is_running(self, name: str) -> bool:
        """Return whether it runs; one that has ended meanwhile leaves its exit code."""
        process = self._running.get(name)
        if process is None:
            return False
        code = process.poll()
        if code is None:
            return True
        with suppress(OSError):
            (self._folder / name / "ended").write_text(str(code), encoding="ascii")
        return False

    def _folders(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))

    def _report(self, name: str) -> Report | None:
        folder = self._folder / name
        try:
            asked = msgspec.json.decode((folder / "asked.json").read_bytes(), type=Asked)
            said = (folder / "said.txt").read_text("utf-8", errors="replace")[-_SAID:]
        except (OSError, msgspec.DecodeError):
            return None
        # A backtest finds something (exit code 1) and is well; without its page it failed.
        has_page = (folder / "report.html").is_file()
        state = "running" if self._is_running(name) else "done" if has_page else "failed"
        return Report(
            name=name,
            asked_at=asked.at,
            by=asked.by,
            variants=asked.variants,
            state=state,  # type: ignore[arg-type] # one of the three, by the line above
            said=said or ("it was interrupted" if state == "failed" else ""),
        )
