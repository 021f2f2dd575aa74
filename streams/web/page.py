"""Makes pages: one frame, autoescaped, and a name that a template does not know is an error."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.ops.reviews import REASONS
from streams.problems import Problem
from streams.web import words
from streams.web.room import room_of, visitor_of

LAST_PAGE: Final = 100_000  # nobody turns so many; behind it a database only counts
FOLDER: Final = Path(__file__).parent
ASSETS: Final = {"style.css": "text/css", "keys.js": "text/javascript", "icon.svg": "image/svg+xml"}


async def show(request: web.Request, name: str, *, status: int = 200, **names: Any) -> web.Response:
    """Return the page ``pages/<name>.html`` filled in; who signed in sees what waits for a person beside it."""
    room, visitor = room_of(request), visitor_of(request)
    today = await room.today() if visitor.role is not None else None
    text = (
        environment()
        .get_template(f"{name}.html")
        .render(
            visitor=visitor,
            form_token=room.door.seal.form_token(visitor),
            today=today,
            now=today.now if today is not None else None,
            done=_done(request),
            caught=room.caught() if visitor.role is not None else None,
            path=request.path,
            **names,
        )
    )
    return web.Response(text=text, content_type="text/html", status=status)


async def show_problem(request: web.Request, problem: Problem, status: int) -> web.Response:
    """Return what went wrong, where, why, and the way out; a page of the frame even where the database is gone."""
    room, visitor = room_of(request), visitor_of(request)
    text = (
        environment()
        .get_template("problem.html")
        .render(
            visitor=visitor,
            form_token=room.door.seal.form_token(visitor),
            today=None,
            now=None,
            done=None,
            caught=None,
            path=request.path,
            problem=problem,
            status=status,
        )
    )
    return web.Response(text=text, content_type="text/html", status=status)


@cache
def environment() -> Environment:
    """Return the one environment of all pages."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("spaced", "tone", "money", "count", "moment", "day", "age"):
        made.filters[name] = getattr(words, name)
    made.globals.update(
        address=words.address,
        asset=asset_address,
        review_reasons=REASONS,
        hold_reasons=words.HOLDS,
        mail_states=words.STATES,
    )
    return made


@cache
def asset(name: str) -> bytes:
    """Return a file of the pages' folder."""
    return (FOLDER / "pages" / name).read_bytes()


@cache
def asset_address(name: str) -> str:
    """Return where a file is served; another content is another address, so browsers may keep it for ever."""
    return f"/static/{hashlib.blake2b(asset(name), digest_size=6).hexdigest()}/{name}"


async def serve_asset(request: web.Request) -> web.Response:
    """Answer with a style or a script."""
    name = request.match_info["name"]
    if name not in ASSETS:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return web.Response(body=asset(name), content_type=ASSETS[name], charset="utf-8", headers=headers)


def see(path: str, **query: str | None) -> web.HTTPSeeOther:
    """Return the way to another page, after a form was taken."""
    return web.HTTPSeeOther(words.address(path, **query))


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the texts of a form; a field that comes twice counts once."""
    form = await request.post()
    return {name: value.strip() for name, value in form.items() if isinstance(value, str)}


def page_number(request: web.Request) -> int:
    """Return which page of a list is asked for, from 0; nonsense is the first."""
    text = request.query.get("page", "")
    return min(int(text), LAST_PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _done(request: web.Request) -> str | None:
    """Return the sentence about what was just done; the address names it and may bring a number, never words."""
    number = request.query.get("n", "")
    n = int(number) if number.isascii() and number.isdigit() and len(number) < 9 else 0
    sentence = words.DONE.get(request.query.get("done", ""))
    return sentence.format(n=f"{n:,}") if sentence is not None else None
