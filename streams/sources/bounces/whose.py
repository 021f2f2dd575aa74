"""Whose mail came back: told by the head of the returned mail, and checked against where it came back to."""

from __future__ import annotations

import re

import msgspec

from streams.core.ids import LEFT_OF_AT, address_hash
from streams.core.ids import id_token as token
from streams.pipeline.ports import Rejected
from streams.sources.bounces.reports import text_of
from streams.sources.foreign import name
from streams.sources.mail import Fields, Mail, blocks, decoded, first

_OURS = ("message", "order", "case", "template")  # X-Firstword-*, as `mail/compose.py` writes them
# Where mail systems note the address that a mail was delivered to.
_CAME_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to")
_RETURNED = (
    *("message/rfc822", "text/rfc822-headers"),
    *("message/global", "message/global-headers", "message/rfc822-headers"),
)
_TOKEN = r"(msg_[A-Za-z0-9_-]+|h\.[0-9a-f]{32})"  # noqa: S105 - no secret: what stands left of an @
_TAGGED = re.compile(rf"\+{_TOKEN}@")
_NAMED = re.compile(rf"^<{_TOKEN}@")
_MAILBOX = re.compile(r"[^\s<>@,;:\"'()]{1,64}@[A-Za-z0-9.\[\]-]{1,255}")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """The message that came back. ``template`` and ``to_hash`` are empty where nothing told them."""

    order_id: str
    case_id: str
    message_id: str
    template: str = ""
    to_hash: str = ""


def owner_of(mail: Mail, recipient: str) -> Owner | Rejected:
    """Return whose mail came back; ``recipient`` is the report's word, used where the mail's own is missing."""
    head = _returned(mail)
    tokens = _tokens(mail.head, head)
    values = {field: {*map(decoded, head.get(f"x-firstword-{field}", ()))} - {""} for field in _OURS}
    marks = tokens | {token(one) for one in values["message"]}
    if len(marks) > 1 or any(len(several) > 1 for several in values.values()):
        return _contradiction()
    if not marks:
        return _nobodys()
    message_id, order_id, case_id, template = (name(next(iter(values[field]), None)) for field in _OURS)
    message_id = message_id or _unhashed(tokens)
    if message_id is None or order_id is None or case_id is None:
        return _orphan(message_id)
    return Owner(
        order_id=order_id,
        case_id=case_id,
        message_id=message_id,
        template=template or "",
        to_hash=_hashed(first(head, "to")) or _hashed(recipient),
    )


# ---------------------------------------------------------------------------- inside


def _returned(mail: Mail) -> Fields:
    """Return the head of the mail that came back, wherever the mail system has put it."""
    part = mail.first(*_RETURNED)
    texts = [part.text] if part else []
    for text in (*texts, text_of(mail)[1]):
        head = next(blocks(text), {})
        if head:
            return head
    return {}


def _tokens(report: Fields, returned: Fields) -> set[str]:
    """Return the messages named by the addresses that this came back to, and by the mail's own Message-ID."""
    came_to = [value for field in _CAME_TO for value in report.get(field, ())]
    came_to += returned.get("return-path", ())
    found = {match for value in came_to for match in _TAGGED.findall(value)}
    return found | {match for value in returned.get("message-id", ()) for match in _NAMED.findall(value)}


def _unhashed(tokens: set[str]) -> str | None:
    return next((one for one in tokens if not one.startswith("h.")), None)


def _hashed(text: str) -> str:
    found = _MAILBOX.findall(text[:1000])
    return address_hash(found[-1]) if found else ""


def _contradiction() -> Rejected:
    return Rejected(
        code="bounce-contradicts",
        why="the returned mail and the address that it came back to name different messages, or a field stands twice",
        hint="nothing to do: it is forged or was mixed up on its way; the mail's own history stands in "
        "`firstword timeline MESSAGE`",
    )


def _nobodys() -> Rejected:
    return Rejected(
        code="bounce-not-ours",
        why="a mail came back that names no message of ours, neither in its head nor in the address",
        hint="other programs may write from the same mailbox: give our mails a bounce address of their own",
    )


def _orphan(message_id: str | None) -> Rejected:
    which = message_id if message_id and LEFT_OF_AT.fullmatch(message_id) else "whose id cannot be told"
    return Rejected(
        code="bounce-order-unknown",
        why=f"the message {which} came back without its head, so nothing says whose order it was about",
        hint="`firstword timeline MESSAGE` finds the order by the message's id",
    )
