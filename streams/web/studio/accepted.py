"""Mails that a person has accepted: what is different now, and accepting what is there."""

from __future__ import annotations

import asyncio
import difflib
from typing import Final

import msgspec
from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem
from streams.templating.dialogue import Set
from streams.web.studio.calls import answer, asked
from streams.web.studio.files import tell_changes
from streams.web.studio.git import in_head
from streams.web.studio.messages import known_message
from streams.web.studio.room import Room, room_of

_FOLDER: Final = "expected"


class AcceptAsked(msgspec.Struct, frozen=True):
    """Which locale is accepted; all of them where none is named."""

    locale: str = ""


async def compare(request: web.Request) -> web.Response:
    """Answer with what is different between an accepted mail and what the saved words make of it now."""
    room, message = room_of(request), request.match_info["message"]
    locale, sample = request.query.get("locale", "en"), request.query.get("sample", "typical")
    told = await known_message(room, message)
    if sample not in told.samples:
        raise InputProblem(
            "studio-sample-unknown",
            f"{message} has no sample called {sample[:64]}",
            hint=f"there are: {', '.join(told.samples)}",
        )
    files = {file.name: file for file in (await room.renderings(message, locale)).files}
    text, html = files[f"{sample}.{locale}.txt"], files.get(f"{sample}.{locale}.html")
    subject = files[f"{sample}.{locale}.subject"]
    return answer(
        {
            "subject": [_subject(subject.accepted), _subject(subject.rendered)],
            "accepted": text.accepted is not None,
            "text_diff": unified(text.accepted or "", text.rendered, "accepted", "now"),
            "html_same": html is None or html.accepted == html.rendered,
            "words_diff": await _words_diff(room, message, f"{locale}.md"),
        }
    )


async def accept(request: web.Request) -> web.Response:
    """Write down that the mails of a message are good as they are now."""
    room, message = room_of(request), request.match_info["message"]
    wanted = await asked(request, AcceptAsked)
    told = await known_message(room, message)
    if told.problem is not None:
        raise InputProblem(
            "studio-not-readable",
            f"{message} cannot be read",
            why=told.problem.get("what", ""),
            hint="mend it first",
        )
    changed: list[str] = []
    for locale in [wanted.locale] if wanted.locale else sorted(told.locales):
        found = await room.renderings(message, locale)
        async with room.writing:
            changed += await asyncio.to_thread(_write, room, message, found)
    await tell_changes(room)
    telemetry.studio_used(deed="accept", message=message)
    return answer({"changed": changed})


def _write(room: Room, message: str, found: Set) -> list[str]:
    different = [file for file in found.files if file.accepted != file.rendered]
    for file in different:
        room.folder.put(message, _FOLDER, file.name, file.rendered.encode())
    for name in found.stale:
        room.folder.put(message, _FOLDER, name, None)
    names = [*(file.name for file in different), *found.stale]
    return [f"{room.folder.shown}/{message}/{_FOLDER}/{name}" for name in names]


async def _words_diff(room: Room, message: str, file: str) -> str:
    """Return what is different from what came with us, or, in our own folder, from what git has last."""
    now = await asyncio.to_thread(room.folder.read, message, file)
    before = None
    if now.own:
        before = await asyncio.to_thread(room.folder.shipped_text, message, file)
    if before is None:
        before = await in_head(room.folder.writable, f"{message}/{file}")
    return "" if before is None else unified(before, now.text, "before", "now")


def unified(old: str, new: str, before: str, after: str) -> str:
    """Return two texts as a unified diff; nothing where they are the same."""
    lines = difflib.unified_diff(old.split("\n"), new.split("\n"), before, after, lineterm="", n=3)
    return "\n".join(lines)


def _subject(text: str | None) -> str:
    first = (text or "").split("\n", 1)[0]
    return first.removeprefix("subject: ")


ROUTES: Final = (
    web.get("/api/compare/{message}", compare),
    web.post("/api/accept/{message}", accept),
)
