"""What a page asks while somebody writes: how the mail looks now, and what a colleague would say."""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from streams.clock import stopwatch
from streams.problems import TemplateProblem
from streams.templating.dialogue import Checked, Draft
from streams.templating.remarks import refused
from streams.templating.views import VIEWS, view
from streams.web.studio.calls import answer, asked
from streams.web.studio.folder import check_draft
from streams.web.studio.messages import known_message
from streams.web.studio.room import room_of

# A mail brings its styles along and nothing else: no script, no form, no request to anywhere. Its origin is ours,
# so that the page around it sees how high it is; nothing in it can run.
PREVIEW_POLICY: Final = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
)


class CheckAsked(msgspec.Struct, frozen=True):
    """A draft to be read."""

    message: str
    file: str
    text: str


class PreviewAsked(msgspec.Struct, frozen=True):
    """Words to be filled in: saved ones, or a draft; for a sample, or for a case."""

    message: str
    locale: str
    sample: str = ""
    case: str = ""
    text: str | None = None
    variant: str = ""

    @property
    def words(self) -> str:
        """Return the locale with its variant (``en@b``)."""
        return f"{self.locale}@{self.variant}" if self.variant else self.locale

    @property
    def draft(self) -> Draft | None:
        """Return what is not saved yet."""
        return None if self.text is None else Draft(file=f"{self.words}.md", text=self.text)


async def check(request: web.Request) -> web.Response:
    """Answer with what the rules say to a draft."""
    room, wanted, begun = room_of(request), await asked(request, CheckAsked), stopwatch()
    check_draft(wanted.message, wanted.file, wanted.text)
    await known_message(room, wanted.message)
    try:
        found = await room.check(wanted.message, Draft(file=wanted.file, text=wanted.text))
    except TemplateProblem as problem:
        found = Checked(findings=(refused(problem),), not_checked=True)
    return answer({**msgspec.structs.asdict(found), "took_ms": _since(begun)})


async def preview(request: web.Request) -> web.Response:
    """Answer with a mail, and the id under which frames may ask for its HTML."""
    room, wanted, begun = room_of(request), await asked(request, PreviewAsked), stopwatch()
    check_draft(wanted.message, f"{wanted.words}.md", wanted.text or "")
    await known_message(room, wanted.message)
    found = await room.preview(
        wanted.message, wanted.words, sample=wanted.sample, case=wanted.case, draft=wanted.draft
    )
    mail = found.mail
    return answer(
        {
            "id": room.keep(mail),
            "subject": mail.subject,
            "preheader": mail.preheader,
            "text": mail.text,
            "html_bytes": len(mail.html.encode()),
            "took_ms": _since(begun),
        }
    )


async def show_preview(request: web.Request) -> web.Response:
    """Answer with a mail's HTML in one of its views, to be framed."""
    html, name = room_of(request).kept(request.match_info["id"]), request.match_info["view"]
    if html is None or name not in VIEWS:
        raise web.HTTPNotFound
    headers = {"Content-Security-Policy": PREVIEW_POLICY}
    return web.Response(text=view(html, name), content_type="text/html", headers=headers)


def _since(begun: float) -> float:
    return round((stopwatch() - begun) * 1000, 1)


ROUTES: Final = (
    web.post("/api/check", check),
    web.post("/api/preview", preview),
    web.get("/preview/{id}/{view}", show_preview),
)
