"""Test mails: what is on the screen, in a real mailbox of somebody who was named for it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from streams import telemetry
from streams.core.events import Letter, MessageQueued
from streams.labels.sandbox.void import void_label
from streams.mail.trial import send_trial
from streams.templating.brand import read_brand
from streams.templating.catalogue import brand_file
from streams.templating.dialogue import Previewed
from streams.web.studio.calls import answer, asked
from streams.web.studio.drafts import PreviewAsked
from streams.web.studio.folder import check_draft
from streams.web.studio.messages import known_message
from streams.web.studio.room import room_of
from streams.wiring import identity_of, mail_url


class TrialAsked(PreviewAsked, frozen=True, kw_only=True):
    """A mail to be sent as a test."""

    to: str


async def send(request: web.Request) -> web.Response:
    """Send a test."""
    room, wanted = room_of(request), await asked(request, TrialAsked)
    check_draft(wanted.message, f"{wanted.words}.md", wanted.text or "")
    await known_message(room, wanted.message)
    found = await room.preview(
        wanted.message, wanted.words, sample=wanted.sample, case=wanted.case, draft=wanted.draft
    )
    trial = await send_trial(
        _queued(wanted),
        found.mail,
        to=wanted.to,
        allowed=room.settings.test_recipients,
        mail_url=mail_url(room.settings),
        identity=identity_of(read_brand(brand_file(room.folder.shipped, room.folder.own))),
        now=room.clock(),
        attachments=void_label(_letter(found)),
    )
    telemetry.studio_used(deed="test", message=wanted.message)
    return answer({"message_id": trial.message_id, "to": trial.to})


def _queued(wanted: TrialAsked) -> MessageQueued:
    return MessageQueued(
        order_id="test",
        decision_id="test",
        message_id="test",
        case_id="test",
        template=wanted.message,
        locale=wanted.locale,
        to_hash="",
    )


def _letter(found: Previewed) -> Letter | None:
    if not found.has_label:
        return None
    return Letter(to="", time_zone="UTC", label_id="void", keep_after=found.keep_after)


ROUTES: Final = (web.post("/api/send-test", send),)
