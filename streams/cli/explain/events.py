"""Pages about wire types: what each says, its fields, and an example."""

from __future__ import annotations

from datetime import date, datetime
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from streams.cli.explain.page import Page, first_sentence
from streams.codec import examples
from streams.codec.registry import DECISION_TYPES, FACTS, INBOUND_TYPES, encode_fact
from streams.core.events import AnyFact, TimePassed
from streams.policies.loader import LoadedPolicy


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every published type, those that come in first."""
    every = (*examples.INBOUND_EXAMPLES, *examples.DECISION_EXAMPLES, *examples.OUTCOME_EXAMPLES)
    shown = {example.TYPE: example for example in every}
    return {
        wire_type: _page(wire_type, fact, shown.get(wire_type))
        for wire_type, fact in FACTS.items()
        if fact is not TimePassed
    }


def _page(wire_type: str, fact: type[AnyFact], example: AnyFact | None) -> Page:
    fields = {field.encode_name: _spell(fact, field) for field in msgspec.structs.fields(fact)}
    way = _way(wire_type)
    lines = [f"{way}; data has:", *(f"  {name:<22} {kind}" for name, kind in fields.items())]
    plain: dict[str, Any] = {"type": wire_type, "way": way, "fields": fields}
    if example is not None:
        raw = encode_fact(example)
        lines += ["for example:", *(f"  {line}" for line in msgspec.json.format(raw).decode().splitlines())]
        plain["example"] = msgspec.json.decode(raw)
    return Page(name=wire_type, sentence=first_sentence(fact.__doc__), lines=tuple(lines), plain=plain)


def _way(wire_type: str) -> str:
    if wire_type in INBOUND_TYPES:
        return "comes in"
    return "is decided here" if wire_type in DECISION_TYPES else "tells what came of a decision"


_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_PLAIN |= {datetime: "instant with its offset", date: "day"}


def _spell(fact: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> str:
    """Return a field's type as a person says it, with a ? where it may be left out."""
    text = _said(get_type_hints(fact)[field.name])
    return text if field.required else f"{text} ?"


def _said(hint: Any) -> str:
    if hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        fields = msgspec.structs.fields(hint)
        return "{" + ", ".join(f.encode_name + ("" if f.required else "?") for f in fields) + "}"
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    inner = [part for part in get_args(hint) if part not in {NoneType, Ellipsis}]
    said = " or ".join(_said(part) for part in inner)
    return f"list of {said}" if get_origin(hint) is tuple else said
