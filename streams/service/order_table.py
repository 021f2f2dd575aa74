"""The orders of one partition: the busy ones unpacked, all others packed in buckets, as a snapshot wants them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from zlib import crc32

import msgspec

from streams.core.order import Order
from streams.pipeline.processor import Alarm
from streams.service.resting import pack_order, unpack_order, wake_of

# A bucket is one record of the snapshot: 1,024 keep it near 50 KiB in a partition of a hundred thousand orders.
BUCKETS = 1024
Bucket = tuple[list[str], list[bytes]]
"""Ids, and as many packed orders."""

_pack_bucket = msgspec.msgpack.Encoder().encode
_unpack_bucket = msgspec.msgpack.Decoder(Bucket).decode
_pack_state = msgspec.msgpack.Encoder().encode


class Frozen:
    """The orders that changed between two snapshots, as they were at the second; others may change meanwhile."""

    __slots__ = ("owed", "states")

    def __init__(self, states: dict[str, Order], owed: set[int]) -> None:
        self.states = states
        self.owed = owed


class OrderTable:
    """Orders by id, at less than a kibibyte each at rest.

    The fold works on the plain dictionary ``hot`` and asks :meth:`find` for what is not there. What it sets
    stands there until a snapshot has packed it and :meth:`cool` lets go of it. A
    state that was handed out never changes, so a snapshot may pack it while the fold goes on.
    """

    __slots__ = ("_cold", "_freezing", "_owed", "hot")

    def __init__(self) -> None:
        self.hot: dict[str, Order] = {}
        self._cold: list[dict[str, bytes]] = [{} for _ in range(BUCKETS)]
        self._freezing: Collection[str] = ()
        self._owed: set[int] = set()  # buckets whose last snapshot could not be written

    def find(self, order_id: str) -> Order | None:
        """Return an order that lies packed, from now on unpacked in ``hot``, or None."""
        packed = self._cold[bucket_of(order_id)].get(order_id)
        if packed is None:
            return None
        order = self.hot[order_id] = unpack_order(packed)
        return order

    def get(self, order_id: str) -> Order | None:
        """Return an order, unpacked, or None."""
        return self.hot.get(order_id) or self.find(order_id)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self.hot or order_id in self._cold[bucket_of(order_id)]

    def __len__(self) -> int:
        packed = sum(map(len, self._cold))
        return packed + sum(order_id not in self._cold[bucket_of(order_id)] for order_id in self.hot)

    def values(self) -> Iterator[Order]:
        """Yield every order, unpacked for the occasion."""
        yield from self.hot.values()
        for bucket in self._cold:
            for order_id, packed in bucket.items():
                if order_id not in self.hot:
                    yield unpack_order(packed)

    # ------------------------------------------------------------------------ snapshots

    def freeze(self, touched: Iterable[str]) -> Frozen:
        """Hold on to what changed since the last time, as it is now; takes no time to speak of."""
        frozen = Frozen({order_id: self.hot[order_id] for order_id in touched}, self._owed)
        self._freezing = frozen.states
        self._owed = set()
        return frozen

    def pack(self, frozen: Frozen) -> Iterator[tuple[int, bytes]]:
        """Yield the buckets that changed, as a snapshot's records; the caller may do other things in between."""
        parts: dict[int, list[str]] = {bucket: [] for bucket in frozen.owed}
        for order_id in frozen.states:
            parts.setdefault(bucket_of(order_id), []).append(order_id)
        for bucket, ids in parts.items():
            cold = self._cold[bucket]
            for order_id in ids:
                cold[order_id] = pack_order(frozen.states[order_id])
            yield bucket, _pack_bucket((list(cold), list(cold.values())))
        self._freezing = ()

    def owe(self, buckets: Iterable[int]) -> None:
        """Take buckets back into the next snapshot: this one could not be written."""
        self._owed.update(buckets)

    def cool(self, limit: int, touched: set[str]) -> None:
        """Pack unpacked orders beyond ``limit``, those first that came first, down to half of it.

        What changed since the last snapshot is taken out of ``touched``: its bucket is owed to the next one.
        Nothing cools while a snapshot is packed, which must not see what came after it.
        """
        if len(self.hot) <= limit or self._freezing:
            return
        gone = list(islice(self.hot, len(self.hot) - limit // 2))
        for order_id in gone:
            order = self.hot.pop(order_id)
            if order_id in touched:
                touched.discard(order_id)
                bucket = bucket_of(order_id)
                self._cold[bucket][order_id] = pack_order(order)
                self._owed.add(bucket)

    def load(self, buckets: Mapping[int, Bucket]) -> list[Alarm]:
        """Take the buckets of a snapshot in; return the alarms of their orders, not yet a heap."""
        alarms: list[Alarm] = []
        for bucket, (ids, states) in buckets.items():
            cold = self._cold[bucket] = dict(zip(ids, states, strict=True))
            for order_id, packed in cold.items():
                wake = wake_of(packed)
                if wake is not None:
                    alarms.append((wake, order_id))
        return alarms


def read_bucket(record: bytes) -> Bucket:
    """Return the bucket in a record of a snapshot.

    Raises:
        msgspec.DecodeError, ValueError: it is none.
    """
    ids, states = _unpack_bucket(record)
    if len(ids) != len(states):
        raise ValueError("a bucket has not as many states as ids")
    if states:
        unpack_order(states[0])
    return ids, states


def bucket_of(order_id: str) -> int:
    """Return the bucket of an order."""
    return crc32(order_id.encode()) % BUCKETS


def state_hash(orders: Iterable[Order]) -> str:
    """Return 128 bits that stand for the state of these orders, in whatever order they come."""
    total = blake2b(digest_size=16)
    for order_id, packed in sorted((order.order_id, _pack_state(order)) for order in orders):
        total.update(order_id.encode())
        total.update(packed)
    return total.hexdigest()
