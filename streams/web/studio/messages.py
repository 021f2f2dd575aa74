"""Which messages there are and how they stand: the list, the page of the editor, and what words may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from streams.problems import TemplateProblem
from streams.templating.dialogue import Described, Judged, PartTold, Standing, Told
from streams.templating.offered import ALWAYS, OFFERED, Offered
from streams.templating.words import nearest
from streams.web.studio.calls import answer
from streams.web.studio.page import show, surroundings
from streams.web.studio.room import Room, room_of


async def show_list(request: web.Request) -> web.Response:
    """Show every message; how they stand, as far as that is known."""
    room = room_of(request)
    described = await room.described()
    rows = [_row(told, room.known(told.name)) for told in described.messages]
    return await show(request, "list", messages=rows, **surroundings(request, described.locales))


async def show_editor(request: web.Request) -> web.Response:
    """Show one message to be written."""
    room = room_of(request)
    described = await room.described()
    told = find(described, request.match_info["message"])
    locale = request.query.get("locale", "en")
    beside = request.query.get("beside", "")
    names: dict[str, Any] = {
        "message": told.name,
        "locale": locale if locale in described.locales else "en",
        "beside": beside if beside in described.locales else "",
        "file": f"{locale if locale in described.locales else 'en'}.md",
        "card": _row(told, room.known(told.name)),
    }
    return await show(request, "editor", **names, **surroundings(request, described.locales))


async def list_messages(request: web.Request) -> web.Response:
    """Answer with every message and how it stands in every locale.

    ``?only=lost`` asks for one of them, ``?now=1`` for what is known already: all others are told of later.
    """
    room = room_of(request)
    described = await room.described()
    only = request.query.get("only")
    wanted = described.messages if only is None else (find(described, only),)
    at_once = request.query.get("now") == "1"
    rows = [_row(told, room.known(told.name) if at_once else await room.judged(told.name)) for told in wanted]
    return answer({"messages": rows, "locales": described.locales, "folder": room.folder.shown})


async def list_names(request: web.Request) -> web.Response:
    """Answer with the names and parts that a message's words may use, and how they are written."""
    described = await room_of(request).described()
    told = find(described, request.match_info["message"])
    allowed = ALWAYS | set(told.uses)
    paths = {path: offered for path, offered in OFFERED.items() if path.split(".")[0] in allowed}
    names = [_name(path, offered) for path, offered in paths.items()]
    parts = [_part(part, paths) for part in described.parts]
    return answer({"names": names, "parts": [part for part in parts if part is not None]})


def find(described: Described, name: str) -> Told:
    """Return a message by its name.

    Raises:
        TemplateProblem: ``template-missing``.
    """
    found = {told.name: told for told in described.messages}
    if name not in found:
        raise TemplateProblem(
            "template-missing",
            f"there is no message called {name[:64]}",
            where="templates/",
            hint=nearest(name[:64], found),
        )
    return found[name]


async def known_message(room: Room, name: str) -> Told:
    """Return a message by its name, out of what is known now."""
    return find(await room.described(), name)


def _row(told: Told, judged: Judged | None) -> dict[str, Any]:
    standing = {one.locale: one for one in judged.locales} if judged is not None else {}
    return {
        "name": told.name,
        "purpose": told.purpose,
        "owner": told.owner,
        "kinds": told.kinds,
        "samples": told.samples,
        "variants": told.variants,
        "problem": told.problem,
        "locales": [
            {
                "locale": locale,
                **_cell(locale, told, standing),
                "variants": [
                    {"variant": one.partition("@")[2], **_cell(one, told, standing)}
                    for one in sorted(told.locales)
                    if one.startswith(f"{locale}@")
                ],
            }
            for locale in sorted(told.locales)
            if "@" not in locale
        ],
    }


def _cell(locale: str, told: Told, standing: Mapping[str, Standing]) -> dict[str, Any]:
    unknown = Standing(locale=locale, state="broken" if told.problem else "", golden="")
    shown = standing.get(locale, unknown)
    return {
        "own": told.locales[locale],
        "state": shown.state,
        "errors": shown.errors,
        "warnings": shown.warnings,
        "golden": shown.golden,
    }


def _name(path: str, offered: Offered) -> dict[str, Any]:
    return {
        "path": path,
        "type": offered.type,
        "says": offered.says,
        "optional": offered.optional,
        "insert": _written(path, offered),
    }


def _written(path: str, offered: Offered) -> str:
    """Return how a name is written so that it can stand: what may be absent is asked for first."""
    asked = [step for step in _steps(path) if OFFERED[step].optional]
    if offered.printable:
        inner = f"{{{{ {path} }}}}"
        return f"{{% if {' and '.join(asked)} %}}{inner}{{% endif %}}" if asked else inner
    if offered.type in {"flag", "group"}:
        return f"{{% if {' and '.join(dict.fromkeys([*asked, path]))} %}}{{% endif %}}"
    return path  # it is handed to a part


def _steps(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[: end + 1]) for end in range(len(steps))]


def _part(part: PartTold, paths: Mapping[str, Offered]) -> dict[str, Any] | None:
    """Return a part with how it is called; None where the message has nothing to hand to it."""
    given = [_argument(kind, paths) for kind in part.parameters.values()]
    arguments = [one for one in given if one is not None]
    if len(arguments) < len(given):
        return None
    call = f"{{{{ {part.name}({', '.join(arguments)}) }}}}"
    asked = [step for path in arguments if path in OFFERED for step in _steps(path) if OFFERED[step].optional]
    return {
        "name": part.name,
        "parameters": [{"name": name, "type": kind} for name, kind in part.parameters.items()],
        "insert": f"{{% if {' and '.join(dict.fromkeys(asked))} %}}\n{call}\n{{% endif %}}"
        if asked
        else call,
    }


def _argument(kind: str, paths: Mapping[str, Offered]) -> str | None:
    """Return what may stand for a parameter: a text, or the first name of its kind that the message may use."""
    if kind == "text":
        return '"What it says"'
    return next((path for path, offered in paths.items() if offered.type == kind), None)


ROUTES: Final = (
    web.get("/", show_list),
    web.get("/messages/{message}", show_editor),
    web.get("/api/messages", list_messages),
    web.get("/api/names/{message}", list_names),
)
