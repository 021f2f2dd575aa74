"""Which of our conversations a mail belongs to: told by the names that mail programs send along."""

from __future__ import annotations

import re

import msgspec

from streams.core.ids import identify
from streams.pipeline.ports import Rejected
from streams.pipeline.thread_root import Root, read_root
from streams.sources.foreign import name
from streams.sources.mail import Mail, first, spelled

_NAMES = re.compile(r"<([A-Za-z0-9_.-]{1,400})@")
_LONGEST = 16_000  # characters of References: a conversation of two hundred mails
# What the link writes (`templating/variables.py`). An id without blanks: a stranger's sentence is no order.
_STOP = re.compile(r"(\S{1,256}) STOP")


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation: ``message_id`` is our mail, where it is told; ``stops`` is the click on our link."""

    order_id: str
    case_id: str
    message_id: str | None = None
    stops: bool = False


def thread_of(mail: Mail) -> Thread | Rejected:
    """Return the conversation that a mail belongs to."""
    answers = _NAMES.findall(first(mail.head, "in-reply-to")[:_LONGEST])
    names = [*_NAMES.findall(first(mail.head, "references")[:_LONGEST]), *answers]
    message_id = next((one for one in (*reversed(answers), *reversed(names)) if one.startswith("msg_")), None)
    roots = {*filter(None, map(_root, names))}
    if len({root.order_id for root in roots}) > 1:
        return _contradiction()
    if not roots:
        return _clicked(mail) or (_orphan(message_id) if message_id else _nobodys())
    root = min(roots, key=lambda one: one.case_id)
    return Thread(order_id=root.order_id, case_id=root.case_id, message_id=message_id)


def _root(left_of_at: str) -> Root | None:
    root = read_root(left_of_at)
    return root if root is not None and name(root.order_id) == root.order_id else None


def _clicked(mail: Mail) -> Thread | None:
    """Return the order whose reminders a customer stopped by the link in a mail; a replacement has its own case."""
    found = _STOP.fullmatch(spelled(first(mail.head, "subject")).strip())
    order_id = name(found[1]) if found else None
    if order_id is None:
        return None
    return Thread(order_id=order_id, case_id=identify("case", order_id), stops=True)


def _contradiction() -> Rejected:
    return Rejected(
        code="reply-contradicts",
        why="the mail belongs to the conversations of two orders at once",
        hint="read it where it stands and answer it there; it is forged, or joins what we wrote apart",
    )


def _nobodys() -> Rejected:
    return Rejected(
        code="reply-not-ours",
        why="the mail answers none of ours: neither In-Reply-To nor References name one",
        hint="read it where it stands and answer it there; give answers to our mails a mailbox of their own",
    )


def _orphan(message_id: str) -> Rejected:
    return Rejected(
        code="reply-order-unknown",
        why=f"the mail answers {message_id[:80]}, and has lost the name that says whose order that is",
        hint="`firstword timeline MESSAGE` finds the order by the message's id; read the mail where it stands and "
        "answer it there",
    )
