"""What a mail in the bounce mailbox says became of ours: it failed, or something that is no bounce."""

from __future__ import annotations

import re

import msgspec

from streams.pipeline.ports import Ignored, Rejected
from streams.sources.machines import DELIVERY_REPORTS, OTHER_REPORTS, is_automatic, is_of_a_mail_system
from streams.sources.mail import Fields, Mail, blocks, first

_ON_ITS_WAY = {
    "delayed": "a delay: the mail system goes on trying, and tells again when it gives up",
    "delivered": "good news: the mail was delivered",
    "relayed": "good news: the mail was handed on to a system that reports no further",
    "expanded": "good news: the mail was handed on to several recipients",
}
# RFC 3463; no IP address, no part of one, and not the success codes.
_ENHANCED = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
_REPLY_CODE = re.compile(r"(?:said|error|code|server|status|smtp|:|;)\W{0,8}([45])[0-5]\d\b", re.IGNORECASE)
_NUMBERS = re.compile(r"^(?:\s*[245]\d\d[ -]|\s*\(?#?[245]\.\d{1,3}\.\d{1,3}\)?[:,;]?)+\s*")
_ADDRESS = re.compile(r"<?[^\s<>@,;:\"'()]{1,256}@[A-Za-z0-9.\[\]-]+>?")
_STILL_TRYING = re.compile(
    r"\bstill (?:being )?(?:try|trying|retri)|\bwill (?:be retried|be tried again|keep trying|try again|continue)|"
    r"\bnot (?:yet )?been delivered yet|\bhas been delayed|\byou do not need to resend",
    re.IGNORECASE,
)
_GAVE_UP = re.compile(
    r"\bpermanent(?:ly)?\b|\b(?:given|giving|gave) up\b|\b(?:could ?n[o']t|can ?not|unable to|not able to) (?:be )?deliver|"
    r"\bundeliver(?:able|ed)\b|\bdelivery (?:has )?failed|\bno such (?:user|mailbox|address)|\bdoes(?: not|n't) exist",
    re.IGNORECASE,
)
_COPY_BEGINS = re.compile(
    r"^(?:return-path|received|message-id|x-firstword-[a-z]+):", re.IGNORECASE | re.MULTILINE
)
_LOOKED_AT = 4_000  # characters of it that are looked at
_WORDS = 500  # characters of a mail system's answer; RFC 5321 replies are 512 octets


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that came back: RFC 3463 code, whether a later try may succeed, and the mail system's words."""

    status: str
    words: str
    recipient: str = ""
    attempted: str = ""

    @property
    def is_permanent(self) -> bool:
        """True for class 5: the same mail to the same address would fail again (RFC 3463 section 2)."""
        return self.status.startswith("5")

    @property
    def refuses_us(self) -> bool:
        """True for X.7: security and policy, the sender's matter (RFC 3463 3.8); ``mail/outcomes.py`` reads it so too."""
        return self.status.startswith("5.7.")


def judge(mail: Mail) -> Failure | Ignored | Rejected:
    """Return how our mail failed, or what else this is."""
    report = mail.first(*DELIVERY_REPORTS)
    if report is not None:
        return _reported(list(blocks(report.text)))
    for kind, why in OTHER_REPORTS.items():
        if mail.first(kind) is not None:
            return Ignored(why=why)
    if is_of_a_mail_system(mail.head):
        return _in_prose(text_of(mail)[0])
    if is_automatic(mail.head):
        return Ignored(why="an automatic answer (out of office, or a ticket system): the mail did arrive")
    return Ignored(
        why="a person, or nobody's mail system, wrote this: the source `replies` "
        "reads those; let them go to the brand's reply_to"
    )


def text_of(mail: Mail) -> tuple[str, str]:
    """Return the words of a report without parts of its own, and the copy of our mail behind them."""
    text = "\n".join(part.text for part in mail.parts if part.kind == "text/plain")
    text = text.replace("\r\n", "\n")
    begin = _COPY_BEGINS.search(text)
    return (text[: begin.start()], text[begin.start() :]) if begin else (text, "")


def without_addresses(text: str) -> str:
    """Return the words of a mail system as they may be published, on one line: they like to quote the address."""
    if len(text) > _LOOKED_AT:  # half an address at the cut would not look like one
        text = text[:_LOOKED_AT].rpartition(" ")[0]
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(_ADDRESS.sub("<address>", printable).split())[:_WORDS].rstrip()


# ---------------------------------------------------------------------------- RFC 3464


def _reported(groups: list[Fields]) -> Failure | Ignored | Rejected:
    """Return what a report says: one recipient who failed outweighs others (an alias may stand for several)."""
    recipients = [fields for fields in groups if "action" in fields or "final-recipient" in fields]
    actions = [_action(fields) for fields in recipients]
    failed = [
        _failure(fields) for fields, action in zip(recipients, actions, strict=True) if action == "failed"
    ]
    if failed:
        return next((one for one in failed if one.is_permanent), failed[0])
    for action in actions:
        if action in _ON_ITS_WAY:
            return Ignored(why=_ON_ITS_WAY[action])
    return Rejected(
        code="bounce-unreadable",
        why="a delivery report whose Action is none of RFC 3464: failed, delayed, delivered, relayed, expanded",
        hint="read the mail where it stands; report its shape, so that it is understood",
    )


def _action(fields: Fields) -> str:
    """Return what happened; a report without the word is judged by its code."""
    words = first(fields, "action").lower().split()
    if words:
        return words[0].strip(";,.")
    return "failed" if first(fields, "status").startswith("5.") else ""


def _failure(fields: Fields) -> Failure:
    said = first(fields, "diagnostic-code")
    said = said.partition(";")[2] or said
    status = _code(first(fields, "status"))
    detail = _code(said)
    if detail and (not status or (status.endswith(".0.0") and detail[0] == status[0])):
        status = detail  # Exim writes 5.0.0 and leaves the reason to the diagnostic
    return _failed(
        status or _class(f":{said}") or "5.0.0",
        said,
        recipient=first(fields, "original-recipient", "final-recipient").partition(";")[2],
        attempted=first(fields, "last-attempt-date"),
    )


def _failed(status: str, said: str, *, recipient: str = "", attempted: str = "") -> Failure:
    words = _NUMBERS.sub("", without_addresses(said))
    return Failure(
        status=status,
        words=f"{status} {words}".strip(),
        recipient=recipient.strip(),
        attempted=attempted,
    )


def _code(text: str) -> str:
    found = _ENHANCED.search(text)
    return found[0] if found else ""


def _class(text: str) -> str:
    found = _REPLY_CODE.search(text)
    return f"{found[1]}.0.0" if found else ""


# ---------------------------------------------------------------------------- without a report


def _in_prose(text: str) -> Failure | Ignored | Rejected:
    """Return what a mail system says in words only, as qmail does and old Exims do."""
    gave_up = _GAVE_UP.search(text)
    if _STILL_TRYING.search(text) and not gave_up:
        return Ignored(why=_ON_ITS_WAY["delayed"])
    status = _code(text) or _class(text) or ("5.0.0" if gave_up else "")
    if not status:
        return Rejected(
            code="bounce-unreadable",
            why="a mail system wrote this, without a report (RFC 3464) or a code that says what happened",
            hint="read the mail where it stands; report its shape, so that it is understood",
        )
    return _failed(status, _line_with(text, status, gave_up))


def _line_with(text: str, status: str, gave_up: re.Match[str] | None) -> str:
    at = text.find(status)
    if at < 0:
        found = _REPLY_CODE.search(text)
        at = found.start(1) if found else gave_up.start() if gave_up else 0
    begin = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[begin : end if end >= 0 else len(text)]
