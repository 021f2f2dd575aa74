"""Anybody's mail as plain text and fields: the only place that touches the standard library's parser."""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from streams.codec.envelope import EARLIEST, LATEST

Fields = Mapping[str, list[str]]
"""Field names in small letters, and every value that stands under them, unfolded."""

LARGEST = (
    262_144  # bytes of a mail that are read: the parser takes a second for as many of the worst there are
)
MAX_PARTS = 64  # a report has three; Gmail's has six
_FIELD = re.compile(r"([!-9;-~]{1,128}):[ \t]*(.*)")
_OUR_WORD = re.compile(r"=\?utf-8\?b\?([A-Za-z0-9+/=]*)\?=(?:\s+(?==\?))?", re.IGNORECASE)


class Part(msgspec.Struct, frozen=True):
    """A leaf of a mail: its media type and its text; ``message/*`` is a leaf, with its source as text."""

    kind: str
    text: str


class Mail(msgspec.Struct, frozen=True):
    """A mail, taken apart."""

    head: Fields
    parts: tuple[Part, ...]

    def first(self, *kinds: str) -> Part | None:
        """Return the first part of one of these media types."""
        return next((part for part in self.parts if part.kind in kinds), None)


def take_apart(raw: bytes) -> Mail | None:
    """Return a mail, or None where the bytes cannot be read as one.

    Of a large one only the beginning: a report stands before the mail that it returns, whose head is enough.
    """
    try:
        message = message_from_bytes(raw[:LARGEST])
        return Mail(_gathered(_head_lines(message)), tuple(_leaves(message)))
    except Exception:  # noqa: BLE001 - the parser raises RecursionError, ValueError and more on broken mails
        return None


def blocks(text: str) -> Iterator[Fields]:
    """Yield the groups of fields in a text, which blank lines part (RFC 3464 2.1)."""
    found: list[str] = []
    for line in [*_lines(text), ""]:
        if line.strip():
            found.append(line)
        elif found:
            yield _gathered(found)
            found = []


def first(fields: Fields, *names: str) -> str:
    """Return the first value of the first of these fields that has one, else an empty text."""
    return next((value for name in names for value in fields.get(name, ()) if value), "")


def decoded(value: str) -> str:
    """Return a value without the encoded words in which we write what is not ASCII (``mail/headers.py``)."""
    return _OUR_WORD.sub(_word, value)


def spelled(value: str) -> str:
    """Return a value as a person reads it, whatever encoded words its mail program wrote (RFC 2047)."""
    try:
        return str(make_header(decode_header(value[:1000])))
    except Exception:  # noqa: BLE001 - strangers name charsets and bytes that the decoder raises all sorts of errors on
        return value


def moment(value: str) -> datetime | None:
    """Return a date of RFC 5322 in UTC, between the years 1990 and 2100."""
    try:
        found = parsedate_to_datetime(value[:128])
        if not EARLIEST < found.year < LATEST:  # a year's margin: no time zone leads out
            return None
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except Exception:  # noqa: BLE001 - dates of strangers raise ValueError, TypeError, IndexError, OverflowError
        return None


# ---------------------------------------------------------------------------- inside


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _gathered(lines: Iterable[str]) -> Fields:
    fields: dict[str, list[list[str]]] = {}
    pieces: list[str] | None = None
    for line in lines:
        match = None if line[:1] in {" ", "\t"} else _FIELD.match(line)
        if match:
            pieces = [match[2].strip()]
            fields.setdefault(match[1].lower(), []).append(pieces)
        elif line[:1] not in {" ", "\t"}:  # neither a field nor more of one
            pieces = None
        elif pieces is not None:
            pieces.append(line.strip())
    return {name: [" ".join(pieces).strip() for pieces in values] for name, values in fields.items()}


def _head_lines(message: Message) -> list[str]:
    """Return the head as it was written; its bytes beyond ASCII are UTF-8 (RFC 6532) or lost."""
    return _lines("\n".join(f"{name}: {_text(str(value))}" for name, value in message.raw_items()))


def _text(kept: str) -> str:
    return kept.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _leaves(message: Message) -> Iterator[Part]:
    waiting = [message]
    count = 0
    while waiting and count < MAX_PARTS:
        part = waiting.pop()
        count += 1
        kind = part.get_content_type()
        below: Any = part.get_payload()
        if isinstance(below, list) and not kind.startswith("message/"):
            waiting.extend(reversed(below))
        elif kind.startswith(("text/", "message/")):
            source = _source(part, below) if isinstance(below, list) else _words(part)
            yield Part(kind, source)


def _source(part: Message, below: list[Message]) -> str:
    """Return what stands in a ``message/*``, which the parser has read already; some pack it in base64."""
    groups = ["\n".join(_head_lines(one)) + "\n\n" + _loose(one) for one in below]
    source = "\n\n".join(groups)
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
        return _unpacked(source) or source
    return source


def _loose(message: Message) -> str:
    payload: Any = message.get_payload()
    return _text(payload) if isinstance(payload, str) else ""


def _words(part: Message) -> str:
    octets: Any = part.get_payload(decode=True)
    if not isinstance(octets, bytes):
        return ""
    charset = part.get_param("charset", "utf-8")
    try:
        return octets.decode(charset if isinstance(charset, str) else "utf-8", "replace")
    except (LookupError, ValueError):  # a charset that nobody knows, or one with a NUL in its name
        return octets.decode("utf-8", "replace")


def _unpacked(text: str) -> str:
    try:
        return a2b_base64(text.encode("ascii", "ignore")).decode("utf-8", "replace")
    except NotBase64:
        return ""


def _word(match: re.Match[str]) -> str:
    try:
        return a2b_base64(match[1].encode()).decode()
    except (NotBase64, UnicodeDecodeError):
        return match[0]
