"""The orders of one partition: the busy ones unpacked, all others as bytes in buckets, as a snapshot wants them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from zlib import crc32

import msgspec

from streams.core.order import Order

# A bucket is one record of the snapshot: 1,024 keep it near 64 KiB in a partition of a hundred thousand orders.
BUCKETS = 1024

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Order).decode
Alarm = tuple[datetime, str]


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """A bucket as it is written: ids, when each wants to be looked at (seconds since 1970), and states."""

    ids: list[str]
    wake_at: list[float | None]
    states: list[bytes]


_pack_bucket = msgspec.msgpack.Encoder().encode
_unpack_bucket = msgspec.msgpack.Decoder(Packed).decode


class OrderTable:
    """A mapping from order id to order that costs under a kibibyte per order at rest.

    What is set stands unpacked in ``hot`` until :meth:`freeze` has packed it and :meth:`cool` lets go of it.
    """

    __slots__ = ("_cold", "_dirty", "_owed", "_wakes", "hot")

    def __init__(self) -> None:
        self.hot: dict[str, Order] = {}
        self._cold: list[dict[str, bytes]] = [{} for _ in range(BUCKETS)]
        self._wakes: list[dict[str, float]] = [{} for _ in range(BUCKETS)]
        self._dirty: set[str] = set()
        self._owed: set[int] = set()  # buckets whose last snapshot could not be written

    def get(self, order_id: str) -> Order | None:
        """Return an order, unpacked, or None."""
        order = self.hot.get(order_id)
        if order is not None:
            return order
        packed = self._cold[bucket_of(order_id)].get(order_id)
        if packed is None:
            return None
        order = self.hot[order_id] = _unpack(packed)
        return order

    def __getitem__(self, order_id: str) -> Order:
        order = self.get(order_id)
        if order is None:
            raise KeyError(order_id)
        return order

    def __setitem__(self, order_id: str, order: Order) -> None:
        self.hot[order_id] = order
        self._dirty.add(order_id)

    def __contains__(self, order_id: str) -> bool:
        return order_id in self.hot or order_id in self._cold[bucket_of(order_id)]

    def __len__(self) -> int:
        packed = sum(map(len, self._cold))
        return packed + sum(order_id not in self._cold[bucket_of(order_id)] for order_id in self._dirty)

    def values(self) -> Iterator[Order]:
        """Yield every order, unpacked for the occasion."""
        yield from self.hot.values()
        for bucket in self._cold:
            for order_id, packed in bucket.items():
                if order_id not in self.hot:
                    yield _unpack(packed)

    # ------------------------------------------------------------------------ snapshots

    def freeze(self) -> dict[int, bytes]:
        """Pack what changed since the last time; return the buckets that hold it, as a snapshot's records."""
        touched, self._owed = self._owed, set()
        for order_id in self._dirty:
            order = self.hot[order_id]
            bucket = bucket_of(order_id)
            self._cold[bucket][order_id] = _pack(order)
            if order.wake_at is None:
                self._wakes[bucket].pop(order_id, None)
            else:
                self._wakes[bucket][order_id] = order.wake_at.timestamp()
            touched.add(bucket)
        self._dirty = set()
        return {bucket: self._packed(bucket) for bucket in sorted(touched)}

    def owe(self, buckets: Iterable[int]) -> None:
        """Take buckets back into the next snapshot: this one could not be written."""
        self._owed.update(buckets)

    def cool(self, limit: int) -> None:
        """Let go of unpacked orders beyond ``limit``, those first that came first; none that :meth:`freeze` owes."""
        too_many = len(self.hot) - limit
        if too_many <= 0:
            return
        gone = [order_id for order_id in self.hot if order_id not in self._dirty][:too_many]
        for order_id in gone:
            del self.hot[order_id]

    def load(self, buckets: Mapping[int, bytes]) -> list[Alarm]:
        """Take the buckets of a snapshot in; return the alarms of their orders, not yet a heap."""
        alarms: list[Alarm] = []
        for bucket, record in buckets.items():
            packed = _unpack_bucket(record)
            self._cold[bucket] = dict(zip(packed.ids, packed.states, strict=True))
            wakes = {
                order_id: wake
                for order_id, wake in zip(packed.ids, packed.wake_at, strict=True)
                if wake is not None
            }
            self._wakes[bucket] = wakes
            alarms.extend((datetime.fromtimestamp(wake, UTC), order_id) for order_id, wake in wakes.items())
        return alarms

    def _packed(self, bucket: int) -> bytes:
        cold, wakes = self._cold[bucket], self._wakes[bucket]
        return _pack_bucket(Packed(list(cold), [wakes.get(name) for name in cold], list(cold.values())))


def bucket_of(order_id: str) -> int:
    """Return the bucket of an order."""
    return crc32(order_id.encode()) % BUCKETS


def state_hash(orders: Iterable[Order]) -> str:
    """Return 128 bits that stand for the state of these orders, in whatever order they come."""
    total = blake2b(digest_size=16)
    for order_id, packed in sorted((order.order_id, _pack(order)) for order in orders):
        total.update(order_id.encode())
        total.update(packed)
    return total.hexdigest()
