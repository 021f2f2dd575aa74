"""What a file was: its versions in git, each with its text and what it changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from aiohttp import web

from streams.web.studio import git
from streams.web.studio.calls import answer
from streams.web.studio.folder import check_names
from streams.web.studio.messages import known_message
from streams.web.studio.room import room_of


async def list_versions(request: web.Request) -> web.Response:
    """Answer with the versions of a file; ``git`` is false where nobody keeps any."""
    folder, name = await _named(request)
    found = await git.commits(folder, name)
    return answer({"git": found is not None, "commits": found or []})


async def show_version(request: web.Request) -> web.Response:
    """Answer with one of them."""
    folder, name = await _named(request)
    text, diff = await git.version(folder, name, request.match_info["hash"])
    return answer({"text": text, "diff": diff})


async def _named(request: web.Request) -> tuple[Path, str]:
    """Return the folder in which the file lies now, and its name below it."""
    room, message, file = room_of(request), request.match_info["message"], request.match_info["file"]
    check_names(message, file)
    await known_message(room, message)
    return await asyncio.to_thread(room.folder.root_of, message, file), f"{message}/{file}"


ROUTES: Final = (
    web.get("/api/history/{message}/{file}", list_versions),
    web.get("/api/history/{message}/{file}/{hash}", show_version),
)
