"""What a relay's answer means: a value for every way a delivery can end.

The enhanced status code (RFC 3463) wins over the three-digit code (RFC 5321), because relays put the
reason there: ``450 5.1.1`` is an unknown mailbox, whatever the 450 says.
"""

from __future__ import annotations

import re

import msgspec

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS = re.compile(r"<?[^\s<>@,;:\"'()]+@[A-Za-z0-9.\[\]-]+>?")
_RATE = re.compile(r"\brate\b|\btoo many\b", re.IGNORECASE)
# The mailbox or its domain does not exist, takes no mail, or is disabled: writing again helps nobody and
# costs reputation. 5.1.10 is a null MX (RFC 7505).
_NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.10", "5.2.1"})
# Authentication required, too weak, or refused (RFC 4954): about us, never about the customer.
_AUTHENTICATION = frozenset({530, 534, 535, 538})


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The relay took responsibility."""

    reply: str


class Temporary(msgspec.Struct, frozen=True, kw_only=True):
    """Not now. ``code`` is 0 when no answer came at all; nothing was handed over, so trying again is safe."""

    text: str
    code: int = 0
    enhanced: str = ""


class Permanent(msgspec.Struct, frozen=True, kw_only=True):
    """Never. ``suppress`` says that the address itself is dead."""

    text: str
    code: int
    enhanced: str = ""
    suppress: bool = False


class OurFault(msgspec.Struct, frozen=True, kw_only=True):
    """Refused because of who we are (authentication, policy, reputation, TLS): somebody must act."""

    text: str
    code: int = 0
    enhanced: str = ""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """The final dot went out and no answer came back: it may be in the mailbox, it may not (RFC 1047)."""

    why: str


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """We stopped before the final dot, because the message had been withdrawn meanwhile."""


Delivery = Accepted | Temporary | Permanent | OurFault | Unknown | Withheld


def classify(code: int, text: str) -> Delivery:
    """Return the meaning of a relay's reply to a command or to the final dot."""
    if 200 <= code <= 299:
        return Accepted(reply=reply_line(code, text))
    enhanced, status_class = _enhanced(code, text)
    words = reply_line(code, text)
    if status_class == 4:
        return Temporary(text=words, code=code, enhanced=enhanced)
    if status_class != 5:  # neither yes, no nor later: not a reply that ends a transaction
        return Temporary(text=f"unexpected reply: {words}", code=code, enhanced=enhanced)
    if enhanced.startswith("5.7.") or code in _AUTHENTICATION:
        return OurFault(text=words, code=code, enhanced=enhanced)
    if enhanced == "5.2.1" and _RATE.search(text):  # Gmail: "receiving mail at a rate that prevents ..."
        return Temporary(text=words, code=code, enhanced=enhanced)
    return Permanent(text=words, code=code, enhanced=enhanced, suppress=enhanced in _NO_SUCH_MAILBOX)


def _enhanced(code: int, text: str) -> tuple[str, int]:
    """Return the enhanced code and the class that counts; success classes in a refusal are noise."""
    found = _ENHANCED.match(text.lstrip())
    if found is None or found.group(1) == "2":
        return "", code // 100
    return found.group(0), int(found.group(1))


def reply_line(code: int, text: str) -> str:
    """Return a relay's words on one line, short enough to keep."""
    return " ".join(f"{code} {text}".split())[:500]


def without_addresses(text: str) -> str:
    """Return a reply as it may be published: relays like to quote the customer's address."""
    return _ADDRESS.sub("<address>", text)
