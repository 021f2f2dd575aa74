"""Header fields that nothing can break out of: clean, encode, fold.

Text from orders (names, ids) and from templates (subjects) ends here. Line breaks, control characters
and bidirectional overrides become spaces; what is not plain ASCII becomes RFC 2047 encoded words.
"""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache

from streams.core.ids import id_token

# C0 and C1 controls, line and paragraph separators, byte order mark, lone surrogates, and the marks that
# reorder text on screen (Unicode Bidi_Control): "txt.exe" must not look like "exe.txt".
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")  # RFC 5322 atext, and spaces between
_ADDRESS = re.compile(r"https://[!-;=?-~]{1,900}")  # printable ASCII without < and >
SUBJECT_LIMIT = 400  # characters: more than any mail program shows
_WORD_BYTES = 42  # 42 bytes are 56 in base64, 68 with `=?utf-8?b?` and `?=`: below the 75 of RFC 2047
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def clean(text: str, limit: int) -> str:
    """Return ``text`` on one line, without anything that acts instead of being read, cut at ``limit``."""
    if not (text.isascii() and text.isprintable()):  # printable ASCII, as nearly all is, has nothing unsafe
        text = _UNSAFE.sub(" ", text)
    return " ".join(text.split())[:limit].rstrip()


def encoded_words(text: str) -> str:
    """Return cleaned text as folded RFC 2047 words, none of which splits a character."""
    octets = text.encode()
    words: list[str] = []
    start = 0
    while len(octets) - start > _WORD_BYTES:
        end = start + _WORD_BYTES
        while octets[end] & 0xC0 == 0x80:  # inside a character (RFC 3629)
            end -= 1
        words.append(_word(octets[start:end]))
        start = end
    words.append(_word(octets[start:]))
    return "\r\n ".join(words)


def _word(octets: bytes) -> str:
    return f"=?utf-8?b?{b64encode(octets).decode()}?="


def unstructured(name: str, text: str, limit: int = SUBJECT_LIMIT) -> str:
    """Return one header field of free text (RFC 5322 2.2.1), folded at spaces, with its CRLF."""
    value = clean(text, limit)
    if not value.isascii() or "=?" in value:
        return f"{name}: {encoded_words(value)}\r\n"
    line = f"{name}: {value}"
    if len(line) <= 78:
        return f"{line}\r\n"
    return f"{_fold(line)}\r\n"


def _fold(line: str) -> str:
    lines: list[str] = []
    current = ""
    for word in line.split(" "):
        if current.strip(" ") and len(current) + 1 + len(word) > 78 and not current.endswith(":"):
            lines.append(current)
            current = f" {word}"
        else:
            current = f"{current} {word}" if current else word
    return "\r\n".join([*lines, current])


def mailbox(name: str, address: str, limit: int = 100) -> str:
    """Return ``name <address>`` for an address field; ``address`` must have been checked before."""
    shown = clean(name, limit)
    if not shown:
        return address
    if not shown.isascii() or "=?" in shown:
        return f"{encoded_words(shown)}\r\n <{address}>"
    if _ATOMS.fullmatch(shown):
        return f"{shown} <{address}>"
    quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def message_id(identifier: str, domain: str) -> str:
    """Return ``<identifier@domain>``: the same identifier is the same Message-ID for ever."""
    return f"<{id_token(identifier)}@{domain}>"


def one_click(address: str) -> str:
    """Return the fields by which a mail program offers to stop such mails (RFC 8058); nothing without an address.

    Raises:
        ValueError: the address is none that may stand in a header.
    """
    if not address:
        return ""
    if not _ADDRESS.fullmatch(address):
        raise ValueError("an address to opt out at is https, in ASCII, and fits a line")
    return f"List-Unsubscribe: <{address}>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


@lru_cache(maxsize=256)
def date_field(moment: datetime) -> str:
    """Return the Date of RFC 5322 in UTC; written out because ``strftime`` follows the locale."""
    utc = moment.astimezone(UTC)
    return (
        f"{_WEEKDAYS[utc.weekday()]}, {utc.day:02d} {_MONTHS[utc.month - 1]} {utc.year:04d} "
        f"{utc.hour:02d}:{utc.minute:02d}:{utc.second:02d} +0000"
    )
