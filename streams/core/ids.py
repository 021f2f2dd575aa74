"""Deterministic identities: made of order, rule and trigger, never of a clock, an offset or a run."""

from __future__ import annotations

from hashlib import blake2b

_SEPARATOR = "\x1f"  # ASCII unit separator: it cannot stand in an id, so ("a", "bc") and ("ab", "c") differ


def identify(prefix: str, *parts: str) -> str:
    """Return ``prefix_`` and 32 hexadecimal digits (128 bits) that stand for ``parts`` for ever."""
    return f"{prefix}_{blake2b(_SEPARATOR.join((prefix, *parts)).encode(), digest_size=16).hexdigest()}"


def fingerprint(event_source: str, event_id: str) -> int:
    """Return 64 bits that stand for an event; an order remembers them to know a second copy."""
    key = f"{event_source}{_SEPARATOR}{event_id}".encode()
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def address_hash(address: str) -> str:
    """Return the form of an address that may leave the house: 128 bits, lower-cased first."""
    return blake2b(address.strip().lower().encode(), digest_size=16).hexdigest()
