"""Which partition an order lives in: the same for every worker, for ever."""

from __future__ import annotations

from functools import lru_cache
from struct import unpack_from

_SEED, _MIX = 0x9747B28C, 0x5BD1E995  # as in org.apache.kafka.common.utils.Utils.murmur2
_WORD = 0xFFFFFFFF


@lru_cache(
    maxsize=262_144
)  # murmur2 in Python costs more than folding the event; orders come back a dozen times
def partition_of(key: str, count: int) -> int:
    """Return the partition of a key as Kafka's own clients choose it: murmur2 of its UTF-8, positive, modulo.

    (org.apache.kafka.clients.producer.internals.BuiltInPartitioner.)
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % count


def murmur2(key: bytes) -> int:
    """Return Kafka's 32-bit hash of a key; ours, so that who only reads needs no client library."""
    length = len(key)
    whole = length & ~3
    mixed = _SEED ^ length
    for word in unpack_from(f"<{whole // 4}I", key):
        stirred = word * _MIX & _WORD
        mixed = (mixed * _MIX & _WORD) ^ ((stirred ^ stirred >> 24) * _MIX & _WORD)
    if rest := key[whole:]:
        mixed = (mixed ^ int.from_bytes(rest, "little")) * _MIX & _WORD
    mixed ^= mixed >> 13
    mixed = mixed * _MIX & _WORD
    return mixed ^ (mixed >> 15)
