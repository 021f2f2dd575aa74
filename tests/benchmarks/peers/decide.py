"""What every peer does with an event: the product's own translation, ``step`` and codecs, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from streams.codec.envelope import encode_envelope
from streams.core.events import Event
from streams.core.order import Order, new_order
from streams.core.step import step
from streams.pipeline.ports import Record
from streams.policies.loader import load_policy
from streams.sources.native.adapter import SOURCE

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Order).decode


class Decider:
    """Folds one event into one order. Deadlines are left out, which spares the peers an alarm clock."""

    def __init__(self) -> None:
        self._policy = load_policy()
        home = self._policy.shop.country
        self._policy.calendars.is_workday(datetime(2026, 1, 1, tzinfo=UTC).date(), (home, home))

    def consider(self, raw: bytes, arrived: int, order: Order | None) -> tuple[Order | None, list[bytes]]:
        """Return the order after the event, and what was decided as public records.

        ``arrived`` is the record's timestamp in milliseconds: the moment at which it is judged, for everybody.
        """
        translated = SOURCE.translate(Record(source="native", place="", position=0, raw=raw))
        if not isinstance(translated, tuple):
            return order, []  # a tick
        now = datetime.fromtimestamp(arrived / 1000, UTC)
        decided: list[bytes] = []
        for incoming in translated:
            order_id = incoming.order_id
            assert order_id is not None
            event = Event(
                id=incoming.id,
                source=incoming.source,
                order_id=order_id,
                occurred_at=incoming.occurred_at,
                recorded_at=now,
                fact=incoming.fact,
            )
            done = step(order if order is not None else new_order(order_id), event, now, self._policy)
            order = done.order
            decided.extend(_public(decision, now) for decision in done.decisions)
        return order, decided

    def consider_packed(
        self, raw: bytes, arrived: int, packed: bytes | None
    ) -> tuple[bytes | None, list[bytes]]:
        """Do the same for an order as it lies in a store: msgpack."""
        order, decided = self.consider(raw, arrived, None if packed is None else _unpack(packed))
        return (None if order is None else _pack(order)), decided


def _public(decision, now: datetime) -> bytes:
    return encode_envelope(
        Event(
            id=decision.decision_id,
            source="firstword",
            order_id=decision.order_id,
            occurred_at=now,
            recorded_at=now,
            fact=decision,
        )
    )
