"""Which class stands for which wire type, and the decoders for them, built once.

Decoding is the hottest line of the product after the fold itself: one dictionary look-up and one call
into msgspec; everything that can go wrong is sorted out only after it went wrong.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

import msgspec

from streams.codec.upcast import UPCASTS, Upcast, upcast
from streams.core.events import DECISIONS, INBOUND, OUTCOMES, AnyFact, TimePassed
from streams.problems import InputProblem

INBOUND_TYPES = frozenset(fact.TYPE for fact in INBOUND)  # type: ignore[attr-defined]  # every fact has TYPE
DECISION_TYPES = frozenset(fact.TYPE for fact in DECISIONS)  # type: ignore[attr-defined]  # every fact has TYPE
OUTCOME_TYPES = frozenset(fact.TYPE for fact in OUTCOMES)  # type: ignore[attr-defined]  # every fact has TYPE
FACTS: Mapping[str, type[AnyFact]] = {
    fact.TYPE: fact  # type: ignore[attr-defined, misc]  # every fact has TYPE
    for fact in (*INBOUND, *DECISIONS, *OUTCOMES, TimePassed)
}

_VERSIONED = re.compile(r"(?P<name>[a-z0-9_.]+)\.v(?P<version>[0-9]{1,6})")
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError)


class UnknownType(InputProblem):
    """A wire type that this version of the program cannot read; ``nearest`` is the closest known one."""

    def __init__(self, wire_type: str, nearest: str | None, *, newer: bool) -> None:
        if newer:
            code, why = "type-newer", f"this version reads {nearest} at most"
            hint = "upgrade firstword before the systems that send to it"
        else:
            code, why = "type-unknown", "no fact has this name"
            hint = f"did you mean {nearest}?" if nearest else "`firstword explain events` lists the types"
        super().__init__(
            code, f"cannot read the type {wire_type[:256]!r}", where="$.type", why=why, hint=hint
        )
        self.wire_type = wire_type
        self.nearest = nearest


class Registry:
    """Wire types, their classes and their decoders; tests build their own with other upcasts."""

    def __init__(
        self, facts: Mapping[str, type[AnyFact]] = FACTS, upcasts: Mapping[str, Upcast] = UPCASTS
    ) -> None:
        self.facts = facts
        self.upcasts = upcasts
        self.decoders: dict[str, Callable[[bytes], AnyFact]] = {
            wire_type: msgspec.json.Decoder(fact).decode for wire_type, fact in facts.items()
        }

    def decode(self, wire_type: str, payload: bytes) -> AnyFact:
        """Return the fact of ``wire_type`` written as JSON in ``payload``; unknown fields are ignored.

        Raises:
            UnknownType: the type, or its version, is not known here.
            InputProblem: ``fact-invalid``: the payload does not have the shape of its type.
        """
        try:
            return self.decoders[wire_type](payload)
        except UNREADABLE as error:
            return self._decode_slowly(wire_type, payload, error)

    def current(self, wire_type: str, payload: bytes) -> tuple[str, bytes]:
        """Return type and payload as the newest version writes them; both unchanged when they are new.

        Raises:
            UnknownType: the type, or its version, is not known here.
            InputProblem: ``fact-invalid``: an old payload lacks what its upcast needs.
        """
        if wire_type in self.facts:
            return wire_type, payload
        if wire_type not in self.upcasts:
            raise self.unknown(wire_type)
        try:
            return upcast(wire_type, payload, self.upcasts)
        except UNREADABLE as error:
            raise invalid_fact(wire_type, error) from error

    def unknown(self, wire_type: str) -> UnknownType:
        """Return the problem to raise for a type that is not in the registry."""
        parts = _VERSIONED.fullmatch(wire_type)
        if parts is not None:
            for known in self.facts:
                name, _, version = known.rpartition(".v")
                if name == parts["name"] and int(parts["version"]) > int(version):
                    return UnknownType(wire_type, known, newer=True)
        nearest = difflib.get_close_matches(wire_type[:256], self.facts, n=1, cutoff=0.5)
        return UnknownType(wire_type, nearest[0] if nearest else None, newer=False)

    def _decode_slowly(self, wire_type: str, payload: bytes, error: Exception) -> AnyFact:
        if wire_type in self.decoders:
            raise invalid_fact(wire_type, error) from error
        newest, changed = self.current(wire_type, payload)
        try:
            return self.decoders[newest](changed)
        except UNREADABLE as late:
            raise invalid_fact(wire_type, late) from late


def invalid_fact(wire_type: str, error: Exception) -> InputProblem:
    """Return the problem for a payload that does not have the shape of its type."""
    why = str(error) if not isinstance(error, KeyError) else f"the field {error} is missing"
    path = re.search(r"`(\$[^`]*)`", why)
    where = "$.data" + path[1][1:] if path else "$.data"
    return InputProblem(
        "fact-invalid",
        f"the data is not what {wire_type} asks for",
        where=where,
        why=why,
        hint=f"compare it with schemas/{wire_type}.json and its examples",
    )


REGISTRY = Registry()
decode_fact = REGISTRY.decode

_encode = msgspec.json.Encoder().encode


def encode_fact(fact: AnyFact) -> bytes:
    """Return ``fact`` as the JSON that :func:`decode_fact` reads; fields at their default are left out."""
    return _encode(fact)
