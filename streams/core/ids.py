"""Deterministic identities: made of order, rule and trigger, never of a clock, an offset or a run."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b

# RFC 5322 dot-atom without what mail programs stumble over.
LEFT_OF_AT = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_TOKEN_LIMIT = 64  # octets of a local part (RFC 5321 4.5.3.1.1)
MARK = 8  # bytes of a fingerprint: two events of one order share one in 2**64 cases
_SEPARATOR = "\x1f"  # ASCII unit separator: it cannot stand in an id, so ("a", "bc") and ("ab", "c") differ


def identify(prefix: str, *parts: str) -> str:
    """Return ``prefix_`` and 32 hexadecimal digits (128 bits) that stand for ``parts`` for ever."""
    return f"{prefix}_{blake2b(_SEPARATOR.join((prefix, *parts)).encode(), digest_size=16).hexdigest()}"


def has_seen(seen: bytes, mark: bytes) -> bool:
    """True when ``mark`` is one of the fingerprints that stand in ``seen`` one behind the other."""
    at = seen.find(mark)
    while at > 0 and at % MARK:  # it may lie across two others
        at = seen.find(mark, at + 1)
    return at >= 0


def fingerprint(event_source: str, event_id: str) -> bytes:
    """Return eight bytes that stand for an event; an order remembers them to know a second copy."""
    hashed = _begun_with(event_source).copy()
    hashed.update(event_id.encode())
    return hashed.digest()


@lru_cache(maxsize=256)
def _begun_with(event_source: str) -> blake2b:
    """Return the hash of a source's name: sources are few, and going on from a copy halves the work."""
    return blake2b(f"{event_source}{_SEPARATOR}".encode(), digest_size=MARK)


def address_hash(address: str) -> str:
    """Return the form of an address that may leave the house: 128 bits, lower-cased first."""
    return blake2b(address.strip().lower().encode(), digest_size=16).hexdigest()


def id_token(identifier: str) -> str:
    """Return an identifier as it may stand left of an @ or name a file; a strange or long one is hashed."""
    if len(identifier) <= _TOKEN_LIMIT and LEFT_OF_AT.fullmatch(identifier):
        return identifier
    return "h." + blake2b(identifier.encode("utf-8", "replace"), digest_size=16).hexdigest()
