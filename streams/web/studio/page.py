"""Makes the studio's pages, and serves what they are made of."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from streams.problems import Problem
from streams.templating.catalogue import FALLBACK_LOCALE
from streams.templating.views import VIEWS
from streams.web.studio.room import room_of

FOLDER: Final = Path(__file__).parent / "pages"
CONSOLE: Final = Path(__file__).parents[1] / "pages"  # its style and its icon are ours too
TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_WORTH_PRESSING: Final = 4096  # bytes


async def show(request: web.Request, name: str, *, status: int = 200, **names: Any) -> web.Response:
    """Return the page ``pages/<name>.html`` filled in; its nonce lets the editor write its one style."""
    nonce = secrets.token_urlsafe(16)
    text = (
        environment()
        .get_template(f"{name}.html")
        .render(nonce=nonce, path=request.path, status=status, **names)
    )
    return web.Response(
        text=text,
        content_type="text/html",
        status=status,
        headers={"Content-Security-Policy": page_policy(nonce)},
    )


async def show_problem(request: web.Request, problem: Problem, status: int) -> web.Response:
    """Return what went wrong, and the way out, as a page."""
    return await show(request, "problem", status=status, problem=problem, **surroundings(request))


def surroundings(request: web.Request, locales: tuple[str, ...] = (FALLBACK_LOCALE,)) -> dict[str, Any]:
    """Return what every page may use."""
    return {"folder": room_of(request).folder.shown, "locales": locales, "views": dict(VIEWS)}


def page_policy(nonce: str) -> str:
    """Return what a page may do: run our scripts, ask us, show our frames, and nothing else."""
    return (
        f"default-src 'none'; style-src 'self' 'nonce-{nonce}'; script-src 'self'; connect-src 'self';"
        " img-src 'self' data:; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    )


@cache
def environment() -> Environment:
    """Return the one environment of the studio's pages."""
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["asset"] = asset_address
    return made


@cache
def asset(name: str) -> bytes | None:
    """Return a file of the pages' folder, or of the console's; None where there is none of that name."""
    if Path(name).suffix not in TYPES or "/" in name or name.startswith("."):
        return None
    found = [folder / name for folder in (FOLDER, CONSOLE) if (folder / name).is_file()]
    return found[0].read_bytes() if found else None


@cache
def _pressed(name: str) -> bytes:
    return gzip.compress(asset(name) or b"", mtime=0)


@cache
def asset_address(name: str) -> str:
    """Return where a file is served; another content is another address, so browsers may keep it for ever."""
    content = asset(name)
    if content is None:
        raise LookupError(name)
    return f"/static/{hashlib.blake2b(content, digest_size=6).hexdigest()}/{name}"


async def serve_asset(request: web.Request) -> web.Response:
    """Answer with a style, a script or a picture."""
    name = request.match_info["name"]
    content = asset(name)
    if content is None:
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if len(content) > _WORTH_PRESSING and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = _pressed(name)
        headers["Content-Encoding"] = "gzip"
    kind = TYPES[Path(name).suffix]
    charset = None if kind.startswith("font/") else "utf-8"
    return web.Response(body=content, content_type=kind, charset=charset, headers=headers)
