"""One simulated week, lived: events written, folded, mails sent and taken, truth compared."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import msgspec

from streams import telemetry
from streams.cli.demo.mailbox import Mailbox
from streams.cli.demo.pages import write_pages
from streams.cli.folder import is_held
from streams.cli.output import progress, write_file
from streams.cli.room import Room, enter
from streams.clock import stopwatch
from streams.embedded.runner import Progress
from streams.embedded.summary import Summary, as_lines
from streams.problems import UsageProblem
from streams.settings import load
from streams.simulate.plan import Plan
from streams.simulate.planted import Truth
from streams.simulate.score import Score, read_truth, score
from streams.simulate.shop import Written, write

MARK = ".firstword-demo"
_OURS = ("shop", "data", "inbox", "decisions.ndjson", MARK)


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of a demo."""

    folder: Path
    summary: Summary
    score: Score
    mails: int
    index: Path
    example: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data for ``--json``."""
        return {
            "folder": str(self.folder),
            "summary": self.summary,
            "score": self.score.as_json(),
            "inbox": {"mails": self.mails, "index": str(self.index)},
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """Return it as a person reads it."""
        return [
            *as_lines(self.summary),
            "",
            *self.score.lines(),
            "",
            f"the mails     {self.index}",
            f"the decisions {self.folder / 'decisions.ndjson'}",
            f"one order     firstword timeline {self.example} --data {self.folder / 'data'}",
        ]


def live(folder: Path, *, seed: int, orders: int, shown: bool) -> Week:
    """Write a world into ``folder``, run the product over it, and judge what it said.

    Settings come from nowhere but here, so that a demo is the same on every machine.

    Raises:
        UsageProblem: the folder holds something that is not a former demo, or a demo runs in it.
    """
    began = stopwatch()
    telemetry.configure("ERROR")  # the world is untidy on purpose; its dead letters are no news
    _clear(folder)
    written = write(Plan(seed=seed, orders=orders), folder / "shop")
    truth = read_truth(written.truth)
    with progress("a week goes by", written.lines, shown=shown) as move:
        room_summary, judged, mailbox = asyncio.run(_run(folder, written, truth, move))
    index = write_pages(mailbox.folder, mailbox.taken)
    told = [order for order in truth.orders if "wrong_item" in order.planted]
    return Week(
        folder=folder,
        summary=room_summary,
        score=judged,
        mails=len(mailbox.taken),
        index=index,
        example=told[0].order_id if told else f"ORD-{Plan().first_order}",
        seconds=stopwatch() - began,
    )


async def _run(
    folder: Path, written: Written, truth: Truth, move: Progress
) -> tuple[Summary, Score, Mailbox]:
    async with Mailbox(folder / "inbox") as mailbox:
        settings = load({}, data=folder / "data", mail_url=mailbox.url)
        with enter(settings, [f"native={written.events}"], move) as room:
            await room.history(truth.until)
            return room.summary(), _judge(folder, room, truth), mailbox


def _judge(folder: Path, room: Room, truth: Truth) -> Score:
    decisions = list(room.decisions())
    write_file(folder / "decisions.ndjson", b"".join(line + b"\n" for line in decisions))
    return score(truth, map(msgspec.json.decode, decisions))


def _clear(folder: Path) -> None:
    """Make way for a new demo; only what a demo wrote is ever removed."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageProblem(
            "demo-folder-taken",
            f"{folder} holds something that is not a demo",
            where=str(folder),
            hint="name a new folder: firstword demo --dir another-demo",
        )
    if is_held(folder / "data"):
        raise UsageProblem(
            "data-in-use",
            f"a demo is running in {folder}",
            where=str(folder),
            hint="wait until it is done, or name another folder with --dir",
        )
    for name in _OURS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    write_file(
        folder / MARK, b"Written by `firstword demo`, which replaces what it wrote when it runs again.\n"
    )
