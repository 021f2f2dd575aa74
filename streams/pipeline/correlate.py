"""Finds the order behind a tracking number; scans that come too early are parked until somebody claims them."""

from __future__ import annotations

import heapq
from datetime import datetime, timedelta

import msgspec

from streams.core.events import (
    AnyFact,
    CheckpointReached,
    FulfillmentCreated,
    ReturnCheckpoint,
    ReturnLabelIssued,
    ShipmentCreated,
)
from streams.pipeline.ports import Incoming

PATIENCE = timedelta(days=3)  # labels are announced within minutes; three days outlast a weekend's outage


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Whose parcel a tracking number is, and how it was announced; ``return_id`` when it is our own return label."""

    order_id: str
    return_id: str | None = None
    number: str | None = None


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A scan of a parcel that nobody has announced yet."""

    key: str
    incoming: Incoming
    place: str
    since: datetime


class Correlator:
    """Tracking numbers and their orders, and the scans that wait for theirs."""

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        self.patience = patience
        self.owners: dict[str, Owner] = {}
        self.parked: dict[str, list[Parked]] = {}
        self._identities: set[tuple[str, str]] = set()
        self._waiting: list[tuple[datetime, str]] = []

    def learn(self, order_id: str, fact: AnyFact) -> str | None:
        """Note the tracking number that a fact announces; return its key when it is news."""
        if isinstance(fact, (ShipmentCreated, FulfillmentCreated)):
            return self._own(Owner(order_id, None, fact.tracking_number))
        if isinstance(fact, ReturnLabelIssued):
            return self._own(Owner(order_id, fact.return_id, fact.tracking_number))
        return None

    def place(self, incoming: Incoming) -> Incoming | None:
        """Return the scan with its order, or None while its tracking number is unknown.

        A number that the carrier spells differently (blanks, small letters) is told as it was announced:
        otherwise the order would see two parcels.
        """
        if incoming.order_id is not None:
            return incoming
        fact = incoming.fact
        if not isinstance(fact, CheckpointReached) or fact.tracking_number is None:
            return None
        owner = self.owners.get(normal(fact.tracking_number))
        if owner is None:
            return None
        if owner.return_id is None:
            if owner.number in {None, fact.tracking_number}:
                return msgspec.structs.replace(incoming, order_id=owner.order_id)
            scan = msgspec.structs.replace(fact, tracking_number=owner.number)
            return msgspec.structs.replace(incoming, order_id=owner.order_id, fact=scan, data=None)
        seen = ReturnCheckpoint(order_id=owner.order_id, return_id=owner.return_id, status=fact.status)
        return msgspec.structs.replace(incoming, order_id=owner.order_id, fact=seen, data=None)

    def waits(self, incoming: Incoming) -> bool:
        """True when the same event is parked already, whatever tracking number it named then."""
        return (incoming.source, incoming.id) in self._identities

    def park(self, incoming: Incoming, place: str, now: datetime) -> Parked:
        """Keep a scan until its parcel is announced, or until patience ends."""
        waits = Parked(key=number_of(incoming), incoming=incoming, place=place, since=now)
        self.restore(waits)
        return waits

    def restore(self, waits: Parked) -> None:
        """Put a parked scan back after a restart."""
        self.parked.setdefault(waits.key, []).append(waits)
        self._identities.add(_identity(waits))
        heapq.heappush(self._waiting, (waits.since + self.patience, waits.key))

    def claim(self, key: str) -> list[Parked]:
        """Return the scans that waited for a tracking number, which no longer wait, as they happened.

        Not as they came: a restart does not know that, and must fold them in the same order.
        """
        claimed = sorted(self.parked.pop(key, []), key=lambda one: (one.incoming.occurred_at, _identity(one)))
        self._identities.difference_update(map(_identity, claimed))
        return claimed

    def next_expiry(self) -> datetime | None:
        """Return when patience with the oldest parked scan ends, or None."""
        while self._waiting and self._waiting[0][1] not in self.parked:
            heapq.heappop(self._waiting)
        return self._waiting[0][0] if self._waiting else None

    def expire(self, now: datetime) -> list[Parked]:
        """Return the scans with which patience has ended, which no longer wait."""
        gone: list[Parked] = []
        while (due := self.next_expiry()) is not None and due <= now:
            _, key = heapq.heappop(self._waiting)
            waiting = self.parked[key]
            expired = [one for one in waiting if one.since + self.patience <= now]
            left = [one for one in waiting if one.since + self.patience > now]
            gone.extend(expired)
            if left:
                self.parked[key] = left
            else:
                del self.parked[key]
        if not gone:  # asked for every record of a history
            return gone
        gone.sort(key=lambda one: (one.since, _identity(one)))
        self._identities.difference_update(map(_identity, gone))
        return gone

    def _own(self, owner: Owner) -> str | None:
        key = normal(owner.number or "")
        if not key or self.owners.get(key) == owner:
            return None
        self.owners[key] = owner
        return key


def _identity(one: Parked) -> tuple[str, str]:
    return one.incoming.source, one.incoming.id


def number_of(incoming: Incoming) -> str:
    """Return the tracking number that a scan names, as :func:`normal` writes it; empty when it names none."""
    fact = incoming.fact
    return normal(fact.tracking_number or "") if isinstance(fact, CheckpointReached) else ""


def normal(number: str) -> str:
    """Return a tracking number as carriers compare them: upper case, letters and digits only.

    Empty when there are none of these (``-``, ``---``): a placeholder, and nobody's number.
    """
    upper = number.upper()
    if upper.isalnum():  # as nearly all are
        return upper
    return "".join(character for character in upper if character.isalnum())
