"""What a person decides: each review with what was found and what it would cost, and a reason that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from markupsafe import escape

from streams import telemetry
from streams.ops.foresight import Foresight
from streams.ops.read_model.shapes import OpenReview
from streams.problems import InputProblem
from streams.web.page import page_number, read_form, see, show
from streams.web.room import room_of, visitor_of
from streams.web.security import LETTER_POLICY, needs

LONGEST_NOTE: Final = 1_000  # characters


@needs("reader")
async def list_reviews(request: web.Request) -> web.Response:
    """Show reviews that wait, the longest waiting first."""
    room, number = room_of(request), page_number(request)
    page = await room.ask(lambda reading: reading.reviews(number))
    noted = {row.review_id: room.noted(row.review_id) for row in page.rows}
    return await show(request, "reviews", page=page, number=number, noted=noted)


@needs("approver")
async def decide(request: web.Request) -> web.Response:
    """Take a person's decision; the fold hears of it as an event."""
    room, form = room_of(request), await read_form(request)
    review_id, verdict, note = form.get("review_id", ""), form.get("verdict"), form.get("note", "")
    if verdict not in {"approve", "refuse"}:
        raise InputProblem("verdict-missing", "nothing was decided", hint="press Approve or Refuse")
    if not note:
        raise InputProblem(
            "reason-missing",
            "a decision needs its reason",
            why="whoever reads the order's story next year must understand it",
            hint="go back and write one sentence",
        )
    review = await room.ask(lambda reading: reading.review(review_id))
    if review is None or room.noted(review_id):
        raise see("/reviews", done="nothing")
    approved, by, kept = verdict == "approve", visitor_of(request).name, _kept(form, review)
    await room.do(
        lambda deeds: deeds.resolve_review(
            review, approved=approved, by=by, note=note[:LONGEST_NOTE], remedies=kept if approved else None
        )
    )
    telemetry.console_used(deed="approve" if approved else "refuse", order_id=review.order_id)
    room.note(review_id, f"{'approved' if approved else 'refused'} by {by}, on its way into the journal")
    raise see("/reviews", done="approved" if approved else "refused")


def _kept(form: Mapping[str, str], review: OpenReview) -> tuple[str, ...] | None:
    """Return the remedies whose boxes are ticked; None where all are, or no boxes were shown."""
    kept = tuple(one for one in review.remedies if f"keep:{one}" in form)
    return None if "boxes" not in form or kept == review.remedies else kept


@needs("reader")
async def show_letter(request: web.Request) -> web.Response:
    """Answer with the mail that would follow from a yes, to be framed: it can run nothing and ask nobody for anything."""
    room, review_id = room_of(request), request.query.get("id", "")
    found = await room.ask(lambda reading: reading.ahead(review_id, room.renderer, room.world))
    mail = found.mail if found is not None else None
    page = mail.html if mail is not None and mail.html else f"<p>{escape(_no_mail(found))}</p>"
    headers = {"Content-Security-Policy": LETTER_POLICY}
    return web.Response(text=page, content_type="text/html", headers=headers)


def _no_mail(found: Foresight | None) -> str:
    if found is None:
        return "Nobody can say: by today's policy the order does not wait for this, or it is decided."
    return found.mail.problem if found.mail is not None else "Nothing is sent: the customer hears nothing."


ROUTES: Final = (
    web.get("/reviews", list_reviews),
    web.get("/reviews/letter", show_letter),
    web.post("/reviews", decide),
)
