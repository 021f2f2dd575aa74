"""Opens and saves files: whoever saves says what they had opened, so nobody writes over somebody else."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from streams import telemetry
from streams.templating.dialogue import Draft
from streams.web.studio.calls import answer, asked
from streams.web.studio.folder import check_draft
from streams.web.studio.messages import known_message
from streams.web.studio.room import Room, room_of


class Save(msgspec.Struct, frozen=True):
    """A file's new text, and the mark of what was opened ("" where there was nothing)."""

    text: str
    mark: str = ""


async def open_file(request: web.Request) -> web.Response:
    """Answer with a file."""
    room, message, file = _named(request)
    await known_message(room, message)
    found = await asyncio.to_thread(room.folder.read, message, file)
    return answer({"message": message, "file": file, **msgspec.structs.asdict(found)})


async def save_file(request: web.Request) -> web.Response:
    """Save a file that can be sent; a draft with findings may be saved, one that cannot be compiled may not."""
    room, message, file = _named(request)
    wanted = await asked(request, Save)
    check_draft(message, file, wanted.text)
    await known_message(room, message)
    await room.prove(message, Draft(file=file, text=wanted.text))
    async with room.writing:
        mark = await asyncio.to_thread(room.folder.write, message, file, wanted.text, wanted.mark)
        await tell_changes(room)
    telemetry.studio_used(deed="save", message=message)
    return answer({"mark": mark})


async def tell_changes(room: Room) -> set[str]:
    """Look at the files, and tell open pages which of them are others now."""
    changed = await room.look()
    for name in sorted(changed):
        message, _, file = name.rpartition("/")
        if "/" in message and not message.endswith("/samples"):
            continue  # accepted renderings: `lint` tells of them
        if message.startswith("_") or not message:
            room.events.tell("changed", message="", file=name, mark="")
        else:
            room.events.tell("changed", message=message, file=file, mark=_mark(room, message, file))
    return changed


def _mark(room: Room, message: str, file: str) -> str:
    try:
        return room.folder.read(message, file).mark
    except Exception:  # noqa: BLE001 - a sample, or gone by now: who wants to know will ask
        return ""


def _named(request: web.Request) -> tuple[Room, str, str]:
    return room_of(request), request.match_info["message"], request.match_info["file"]


ROUTES: Final = (
    web.get("/api/files/{message}/{file}", open_file),
    web.put("/api/files/{message}/{file}", save_file),
)
