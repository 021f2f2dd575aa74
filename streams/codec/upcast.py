"""Reads old versions of facts: one small function per step from version N to N + 1, applied at read.

The journal is never rewritten. When a type gets a new version, its old wire name goes into
:data:`UPCASTS` with the function that turns the old data into the next version's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Upcast = tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]
"""The wire type that comes out, and the function from old data to new data."""

UPCASTS: Mapping[str, Upcast] = {}
"""Every released type that is no longer the current one. All types are at their first version."""

_MAX_STEPS = 32  # a chain longer than this is a circle in the table


def upcast(wire_type: str, payload: bytes, table: Mapping[str, Upcast] = UPCASTS) -> tuple[str, bytes]:
    """Return the newest wire type reachable from ``wire_type`` and the JSON ``payload`` as it looks there.

    A type that the table does not know comes back untouched.

    Raises:
        msgspec.DecodeError: the payload is not JSON.
        KeyError, TypeError: the old payload lacks what its step needs; the registry reports it.
    """
    if wire_type not in table:
        return wire_type, payload
    fields: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
    for _ in range(_MAX_STEPS):
        step = table.get(wire_type)
        if step is None:
            return wire_type, msgspec.json.encode(fields)
        wire_type, change = step
        fields = change(fields)
    raise ValueError(f"the upcasts of {wire_type} run in a circle")
