"""Which mails no person wrote: reports, mail systems, automatic answers, mailing lists."""

from __future__ import annotations

import re

from streams.sources.mail import Fields, first, spelled

DELIVERY_REPORTS = ("message/delivery-status", "message/global-delivery-status")  # RFC 3464, RFC 6533
OTHER_REPORTS = {
    "message/disposition-notification": "a read receipt (RFC 8098): the mail did arrive",
    "message/feedback-report": "a complaint about the mail (RFC 5965), which did arrive",
}
_MAIL_SYSTEM = re.compile(
    r"\b(?:mailer-?daemon|mail-daemon|postmaster|microsoftexchange[0-9a-f]{32})\b|\bmail delivery (?:sub)?system\b",
    re.IGNORECASE,
)
_AUTOMATIC_SUBJECT = re.compile(
    r"^\W*(?:auto(?:matic(?: reply)?|-?reply|-?response)?\b|out of (?:the )?office|vacation\b|"
    r"abwesen|automatische antwort|nicht im büro|réponse automatique|absence du bureau|"
    r"respuesta automática|fuera de la oficina|resposta automática|fora do escritório)",
    re.IGNORECASE,
)
_AUTOMATIC_FIELDS = (
    *("x-autoreply", "x-autorespond", "x-auto-reply", "x-autoresponder", "x-vacation"),
    "x-auto-response-suppress",  # MS-OXCMAIL: programs set it so that no program answers; people do not
)
_NO_LETTER = frozenset(
    {"auto_reply", "bulk", "junk", "list"}
)  # Precedence, as it is used and nowhere defined
_LISTS = ("list-id", "list-post", "list-unsubscribe")  # RFC 2919, RFC 2369


def is_of_a_mail_system(head: Fields) -> bool:
    """Return whether a mail system speaks, and not somebody's mailbox."""
    return "x-failed-recipients" in head or bool(_MAIL_SYSTEM.search(first(head, "from")[:512]))


def is_automatic(head: Fields) -> bool:
    """Return whether a program answered: out of office, a ticket system."""
    submitted = first(head, "auto-submitted").lower()
    return (
        (bool(submitted) and not submitted.startswith("no"))  # RFC 3834
        or any(field in head for field in _AUTOMATIC_FIELDS)
        or first(head, "precedence").lower() in _NO_LETTER
        or first(head, "return-path") == "<>"
        or bool(_AUTOMATIC_SUBJECT.match(spelled(first(head, "subject"))))
    )


def is_of_a_list(head: Fields) -> bool:
    """Return whether a mailing list or a newsletter sent it."""
    return any(field in head for field in _LISTS)
