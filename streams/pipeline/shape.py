"""What a packed state depends on: snapshots of another shape are thrown away, and the journal is read instead."""

from __future__ import annotations

import hashlib

import msgspec

from streams.core import order as order_module


def state_shape() -> str:
    """Return 64 bits for the fields of the state. A new policy does not change it: it judges from now on."""
    structs = sorted(
        (name, tuple(thing.__struct_fields__))
        for name, thing in vars(order_module).items()
        if isinstance(thing, type) and issubclass(thing, msgspec.Struct)
    )
    return hashlib.blake2b(repr(structs).encode(), digest_size=8).hexdigest()
