"""JSON from strangers: everything that would bite later is refused here, with its place in the text.

msgspec accepts what RFC 8259 leaves open; this module does not: text over 1 MiB, a name twice in one
object (readers differ about which one counts, RFC 8259 section 4), lone surrogates (section 8.2; they
cannot be written as UTF-8 again), NUL characters (PostgreSQL cannot store them), and nesting so deep
that it depends on the reader's stack whether it can be read.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from streams.problems import InputProblem

MAX_BYTES = 1 << 20
"""Largest record, in bytes. Kafka's own default for a record (``message.max.bytes``) is about the same."""
MAX_DEPTH = 64
"""Deepest nesting of objects and lists. The deepest payload among 464 real ones has 12 levels."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_SUSPICIOUS = re.compile(rb"\\u(?:0000|003[aA]|[dD][89a-fA-F])")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE = re.compile(r"\(byte (\d+)\)")


def parse(raw: bytes) -> Any:
    """Return the JSON value in ``raw``.

    Raises:
        InputProblem: ``record-too-large``, ``not-utf8``, ``json-truncated``, ``json-malformed``,
            ``json-too-deep``, ``json-duplicate-key``, ``json-nul``, ``json-lone-surrogate``; ``where``
            is a byte offset or the name concerned.
    """
    if len(raw) > MAX_BYTES:
        raise too_large(len(raw))
    try:
        value = _decode(raw)
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            _check_depth(value)
    except UnicodeDecodeError as error:
        raise _not_utf8(raw, error) from error
    except RecursionError as error:
        raise _too_deep() from error
    except (msgspec.DecodeError, ValueError) as error:
        raise _malformed(raw, error) from error
    _check_text(raw, value)
    return value


def too_large(size: int | None) -> InputProblem:
    """Return the problem for a record of ``size`` bytes, None when nobody counted to the end."""
    counted = f"{size} bytes" if size is not None else "more"
    return InputProblem(
        "record-too-large",
        "the record is too large to be an event",
        why=f"it has {counted}; the limit is {MAX_BYTES} bytes",
        hint="send one event per record; split lists, for example with `jq -c '.[]'`",
    )


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    if any(isinstance(item, dict | list) for item in level):
        raise RecursionError


def _check_text(raw: bytes, value: Any) -> None:
    """Refuse names that occur twice, NULs and lone surrogates.

    A name that occurs twice is decoded once, so the value written again has fewer colons than the text
    had. Only then, or when an escape could hide one, does the exact and slow reader run.
    """
    if b"\\u" not in raw or _SUSPICIOUS.search(raw) is None:  # most texts escape nothing
        try:
            if raw.count(b":") == _encode(value).count(b":"):
                return
        except (OverflowError, UnicodeEncodeError):
            pass  # integers beyond 64 bits cannot be written by msgspec: let the slow reader count
    # Numbers are of no interest here, and Python limits the digits of an int.
    json.loads(raw, object_pairs_hook=_pairs, parse_int=float, parse_float=float)
    for text in _texts(value):
        _check_characters(text)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise InputProblem(
                "json-duplicate-key",
                "a name stands twice in one object",
                where=repr(name[:256]),
                why="readers differ about which of the two counts (RFC 8259, section 4)",
                hint="send each name once",
            )
        found[name] = value
    return found


def _texts(value: Any) -> list[str]:
    texts: list[str] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            texts.append(item)
        elif isinstance(item, dict):
            texts.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return texts


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise InputProblem(
            "json-nul",
            "the text holds a NUL character",
            where=repr(text[:64]),
            why="databases cannot store U+0000, and no name or address contains one",
            hint="remove \\u0000 where the record is made",
        )
    if _LONE_SURROGATE.search(text):
        raise _lone_surrogate(repr(text[:64]))


def _lone_surrogate(where: str) -> InputProblem:
    return InputProblem(
        "json-lone-surrogate",
        "the text holds half of a character",
        where=where,
        why="a surrogate without its partner cannot be written as UTF-8 (RFC 8259, section 8.2)",
        hint="cut long texts between characters, not between UTF-16 units",
    )


def _too_deep() -> InputProblem:
    return InputProblem(
        "json-too-deep",
        "the record is nested too deeply",
        why=f"no event needs more than {MAX_DEPTH} levels of objects and lists",
        hint="send the event itself, not what it was wrapped in",
    )


def _not_utf8(raw: bytes, error: UnicodeDecodeError) -> InputProblem:
    try:
        raw.decode()
    except UnicodeDecodeError as exact:
        error = exact
    return InputProblem(
        "not-utf8",
        "the record is not UTF-8",
        where=f"byte {error.start}",
        why=f"{error.reason}: 0x{raw[error.start : error.start + 1].hex()}",
        hint="JSON is always UTF-8 (RFC 8259, section 8.1): convert, for example with `iconv -t UTF-8`",
    )


def _malformed(raw: bytes, error: Exception) -> InputProblem:
    why = str(error)
    if _has_lone_surrogate(raw):
        return _lone_surrogate("a \\u escape")
    if "truncated" in why:
        where = f"byte {len(raw)}"
        if not raw.strip():
            return InputProblem(
                "json-empty",
                "the record is empty",
                where=where,
                why="there is nothing to read",
                hint="drop it",
            )
        return InputProblem(
            "json-truncated",
            "the record ends in the middle",
            where=where,
            why=why,
            hint="the writer died or the line was cut: send it again",
        )
    place = _BYTE.search(why)
    return InputProblem(
        "json-malformed",
        "the record is not JSON",
        where=f"byte {place[1]}" if place else "",
        why=why,
        hint="one JSON object per record; look at the byte named above",
    )


def _has_lone_surrogate(raw: bytes) -> bool:
    if _SUSPICIOUS.search(raw) is None:
        return False
    try:
        value = json.loads(raw, parse_int=float, parse_float=float)
    except (ValueError, RecursionError):
        return False
    return any(_LONE_SURROGATE.search(text) for text in _texts(value))
