"""CloudEvents 1.0 in structured JSON: how facts come in, and how decisions go out.

Specification: CloudEvents 1.0.2 with its JSON format. ``id`` and ``source`` identify an event for ever,
``time`` is when it happened by the source's word and is required here. Attributes that we do not know
(extensions) are ignored.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.codec import strict_json
from streams.core.events import AnyFact, Event, without_private
from streams.problems import InputProblem

SPECVERSION = "1.0"
MAX_NAME = 256  # characters of id, source, type and subject: the length of every name in the schemas
EARLIEST, LATEST = 1990, 2100  # years; before: a lost clock, after: milliseconds read as seconds


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a fact; ``data`` is the JSON as it arrived."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    data: msgspec.Raw


class _Wire(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    subject: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


class _Out(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: AnyFact


_REMEMBERED = 4096  # sources and types: a shop has dozens
_USABLE: set[str] = set()
"""Sources and types that were looked at: they come back with every event."""

_decode_wire = msgspec.json.Decoder(_Wire).decode
_encode = msgspec.json.Encoder().encode


def decode_envelope(raw: bytes) -> Envelope:
    """Return the envelope written in ``raw``; its ``data`` is checked as JSON, not yet as a fact.

    Raises:
        InputProblem: the codes of :func:`streams.codec.strict_json.parse`, and ``envelope-invalid``,
            ``envelope-version``, ``envelope-name``, ``envelope-data``, ``time-out-of-range``.
    """
    value = strict_json.parse(raw)
    try:
        wire = _decode_wire(raw)
    except msgspec.ValidationError as error:
        raise _invalid(value, error) from error
    if wire.specversion != SPECVERSION:
        raise InputProblem(
            "envelope-version",
            f"the event speaks CloudEvents {wire.specversion[:16]!r}",
            where="$.specversion",
            why="only 1.0 is read here",
            hint='send "specversion": "1.0"',
        )
    _check_names(wire)
    return Envelope(
        id=wire.id,
        source=wire.source,
        type=wire.type,
        subject=wire.subject,
        time=utc(wire.time, "$.time"),
        data=_payload(wire),
    )


def utc(moment: datetime, where: str) -> datetime:
    """Return ``moment`` in UTC.

    Raises:
        InputProblem: ``time-out-of-range``: outside 1990 to 2100; ``time-without-offset``: it could be
            any of 26 hours.
    """
    if not EARLIEST <= moment.year <= LATEST:
        raise InputProblem(
            "time-out-of-range",
            f"the event claims to be from the year {moment.year}",
            where=where,
            why=f"times lie between {EARLIEST} and {LATEST}",
            hint="look at the clock or the unit (seconds or milliseconds?) of the system that wrote it",
        )
    if moment.tzinfo is None:
        raise InputProblem(
            "time-without-offset",
            "the time has no offset",
            where=where,
            why="without Z or +hh:mm nobody knows which moment is meant (RFC 3339)",
            hint="write 2026-11-20T10:15:00Z or 2026-11-20T07:15:00-03:00",
        )
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def encode_envelope(event: Event) -> bytes:
    """Return ``event`` as structured JSON for the public log; what is private stays in the house."""
    fact = without_private(event.fact)
    return _encode(
        _Out(
            specversion=SPECVERSION,
            id=event.id,
            source=event.source,
            type=fact.TYPE,
            subject=event.order_id,
            time=event.occurred_at,
            datacontenttype="application/json",
            data=fact,
        )
    )


def _check_names(wire: _Wire) -> None:
    known = wire.source in _USABLE and wire.type in _USABLE
    if known and _is_usable(wire.id) and (wire.subject is None or _is_usable(wire.subject)):
        return
    for name, text in (
        ("id", wire.id),
        ("source", wire.source),
        ("type", wire.type),
        ("subject", wire.subject),
    ):
        if text is None:
            continue
        if not text.strip() or len(text) > MAX_NAME or not text.isprintable():
            raise InputProblem(
                "envelope-name",
                f"the event's {name} is not usable",
                where=f"$.{name}",
                why=f"1 to {MAX_NAME} printable characters are needed, not {text[:64]!r} ({len(text)})",
                hint=f"give every event a short, printable {name}; id and source identify it for ever",
            )
    if len(_USABLE) < _REMEMBERED:
        _USABLE.update((wire.source, wire.type))


def _is_usable(name: str) -> bool:
    """True for a name that needs no closer look; one with a blank in front may be usable, too."""
    return 0 < len(name) <= MAX_NAME and name[0] != " " and name.isprintable()


def _payload(wire: _Wire) -> msgspec.Raw:
    if wire.datacontenttype is not None and wire.datacontenttype != "application/json":
        media_type = wire.datacontenttype.partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            raise _not_json_data("$.datacontenttype", f"it is declared as {media_type[:64]!r}")
    if wire.data_base64 is not None:
        raise _not_json_data("$.data_base64", "binary data cannot be a fact")
    if wire.data is msgspec.UNSET:
        raise _not_json_data("$.data", "it is missing")
    return wire.data


def _not_json_data(where: str, why: str) -> InputProblem:
    return InputProblem(
        "envelope-data",
        "the event carries no JSON data",
        where=where,
        why=why,
        hint='put the fact as an object into "data"',
    )


def _invalid(value: Any, error: Exception) -> InputProblem:
    why = str(error)
    hint = "compare it with schemas/envelope.v1.json and its example"
    if not isinstance(value, dict):
        hint = "one event, an object, per record; split lists, for example with `jq -c '.[]'`"
    elif "RFC3339" in why:
        why += f": {str(value.get('time'))[:64]!r}"
        hint = "write 2026-11-20T10:15:00Z"
    elif "specversion" in why and "specversion" not in value:
        hint = "is this a webhook of a shop or carrier? Name its source: --source shopify=PATH"
    where = why.rpartition("`$")[2].rstrip("`") if "`$" in why else ""
    return InputProblem("envelope-invalid", "this is not a CloudEvent", where="$" + where, why=why, hint=hint)
