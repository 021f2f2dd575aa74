"""What could not be understood, whole and with the reason: it can be found, and tried again under the same id."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from streams import __version__
from streams.codec.envelope import SPECVERSION
from streams.codec.registry import encode_fact
from streams.core.events import Event
from streams.core.ids import identify
from streams.pipeline.correlate import Parked
from streams.pipeline.ports import Incoming, Rejected
from streams.pipeline.processor import TICK_ORDER

KEPT_OF_DEAD_LETTER = 65_536  # bytes of a dead letter that are kept; the place says where the rest is


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record we could not understand, where it stood, why, and what to do; ``version`` is the program's then."""

    id: str
    source: str
    place: str
    code: str
    why: str
    hint: str
    at: datetime
    raw: bytes
    version: str = ""


def bury(source: str, place: str, reason: Rejected, raw: bytes, now: datetime) -> DeadLetter:
    """Return the dead letter of a record; the same one when the same record is read again at the same time."""
    # One record may hold several events, and places of webhooks count anew after a restart.
    unique = hashlib.blake2b(raw, digest_size=8).hexdigest()
    return DeadLetter(
        id=identify("ded", source, place, reason.code, now.isoformat(), unique),
        source=source,
        place=place,
        code=reason.code,
        why=reason.why,
        hint=reason.hint,
        at=now,
        raw=raw[:KEPT_OF_DEAD_LETTER],
        version=__version__,
    )


def as_native(incoming: Incoming) -> bytes:
    """Return what was understood already as a CloudEvent: it can be sent again under its own id."""
    data = incoming.data if incoming.data is not None else encode_fact(incoming.fact)
    return msgspec.json.encode(
        {
            "specversion": SPECVERSION,
            "id": incoming.id,
            "source": incoming.source,
            "type": incoming.fact.TYPE,
            "time": incoming.occurred_at,
            "data": msgspec.Raw(data),
        }
    )


def unlooked(event: Event, error: Exception, place: str) -> DeadLetter:
    """Return the letter of an event, or of a look at an order, on which the program failed."""
    incoming = Incoming(
        id=event.id,
        source=event.source,
        occurred_at=event.occurred_at,
        order_id=event.order_id,
        fact=event.fact,
    )
    return bury("native", place, unfolded(error), as_native(incoming), event.recorded_at)


def is_order(name: str | None) -> bool:
    """True for what may become the id of an order; ``*`` stands for all of them."""
    return name is None or (name != TICK_ORDER and name.isprintable())


def no_order() -> Rejected:
    """Return the reason for an order id that nobody could ask for."""
    return Rejected(
        code="order-id-unusable",
        why=f"the order, or the one that it replaces, is {TICK_ORDER!r} or has characters that nobody can print",
        hint="send the id that people and systems call the order by",
    )


def no_key() -> Rejected:
    """Return the reason for a scan that names nothing by which its order could be found."""
    return Rejected(
        code="order-unknown",
        why="it names neither an order nor a tracking number with a letter or digit in it",
        hint="send `order_id`, or `tracking_number` with the shipment announced before",
    )


def unfolded(error: Exception) -> Rejected:
    """Return the reason for an event that an order could not take."""
    return Rejected(
        code="event-not-folded",
        why=f"the program failed on it: {type(error).__name__}: {error}"[:500],
        hint="this is a mistake of the program: report it with the event, upgrade, then redrive the letter",
    )


def unclaimed(gone: Parked) -> Rejected:
    """Return the reason for a scan whose parcel nobody announced."""
    return Rejected(
        code="tracking-number-unclaimed",
        why=f"no order announced this tracking number since {gone.since.isoformat()}",
        hint="send the shipment.created event, then redrive the letter",
    )
