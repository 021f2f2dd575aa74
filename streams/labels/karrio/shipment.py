"""What Karrio says of a shipment: its rates, its label and whether it still holds; amounts are never floats.

Checked in the server's source (modules/core/.../serializers.py, modules/manager/.../tests/test_shipments.py): a shipment
is ``draft``, then ``purchased`` (``created`` in newer servers) or further on its way, or ``cancelled``;
``total_charge`` is a JSON number; lists are ``{count, next, previous, results}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

import msgspec

from streams.core.events import Status
from streams.core.money import LARGEST, Money, decimals
from streams.labels.karrio.api import Message
from streams.labels.karrio.parcel import CLAIM, SINCE

_DRAFT: Final = "draft"
_CANCELED: Final = "cancelled"
_MILLIONTH: Final = Decimal(
    "0.000001"
)  # Karrio adds up binary fractions: 106.71 may come as 106.71000000000001
_HIGHEST: Final = Decimal(10) ** 12

# Karrio's words for a tracker (TrackerStatus) in ours; what is not here is unknown.
STATUSES: Final[Mapping[str, Status]] = MappingProxyType(
    {
        "pending": "pre_transit",
        "picked_up": "in_transit",
        "in_transit": "in_transit",
        "delivery_delayed": "in_transit",
        "out_for_delivery": "out_for_delivery",
        "ready_for_pickup": "available_for_pickup",
        "delivery_failed": "attempt_failed",
        "on_hold": "exception",
        "return_to_sender": "return_to_sender",
        "delivered": "delivered",
    }
)


class Rate(msgspec.Struct, frozen=True):
    """What a carrier asks for a service."""

    id: str = ""
    carrier_name: str = ""
    carrier_id: str = ""
    service: str | None = None
    currency: str | None = None
    total_charge: Decimal | None = None
    meta: dict[str, Any] | None = None

    @property
    def cost(self) -> Money | None:
        """Return the price, parts of a cent rounded up; None for what is no price."""
        amount, currency = self.total_charge, self.currency or ""
        if amount is None or not amount.is_finite() or not 0 <= amount < _HIGHEST:
            return None
        try:
            minor = int(
                amount.quantize(_MILLIONTH).scaleb(decimals(currency)).to_integral_value(ROUND_CEILING)
            )
            cost = Money(minor=minor, currency=currency)
            return msgspec.convert(msgspec.to_builtins(cost), Money) if minor <= LARGEST else None
        except (InvalidOperation, msgspec.ValidationError):
            return None

    @property
    def carrier(self) -> str:
        """Return who carries it: behind a seller of several carriers' labels, the carrier itself."""
        said = (self.meta or {}).get("rate_provider")
        return said if isinstance(said, str) and said else self.carrier_name


class Shipment(msgspec.Struct, frozen=True):
    """A parcel that a label can be bought for."""

    id: str
    status: str = _DRAFT
    reference: str | None = None
    metadata: dict[str, Any] | None = None
    rates: tuple[Rate, ...] | None = None
    messages: tuple[Message, ...] | None = None
    selected_rate: Rate | None = None
    carrier_name: str | None = None
    tracking_number: str | None = None
    shipment_identifier: str | None = None
    label_url: str | None = None

    @property
    def is_draft(self) -> bool:
        """True while nothing is bought for it."""
        return self.status == _DRAFT

    @property
    def is_canceled(self) -> bool:
        """True when it was called off, with a label or without."""
        return self.status == _CANCELED

    @property
    def is_bought(self) -> bool:
        """True when it has a label that holds."""
        return not self.is_draft and not self.is_canceled

    @property
    def had_label(self) -> bool:
        """True when a carrier has known it."""
        return bool(self.tracking_number or self.shipment_identifier)

    @property
    def claim(self) -> str | None:
        """Return whose attempt it is."""
        said = (self.metadata or {}).get(CLAIM)
        return said if isinstance(said, str) else None

    def is_claimed_after(self, moment: datetime) -> bool:
        """True when somebody may still be buying it; where its time is unreadable, a person has changed it."""
        try:
            since = datetime.fromisoformat(str((self.metadata or {}).get(SINCE)))
        except ValueError:
            return False
        return (since if since.tzinfo is not None else since.replace(tzinfo=UTC)) > moment


class Page(msgspec.Struct, frozen=True):
    """Some of several shipments; ``next`` is where more are."""

    results: tuple[Shipment, ...]
    next: str | None = None


class Rates(msgspec.Struct, frozen=True):
    """Prices of a parcel that is no shipment yet."""

    rates: tuple[Rate, ...] = ()


class Tracker(msgspec.Struct, frozen=True):
    """How far a parcel has come."""

    tracking_number: str
    status: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which rates a shop takes: empty means any. Names are compared without regard to case.

    ``carrier`` may be a carrier's name (``ups``), or what a connection to it is called in Karrio (``carrier_id``).
    """

    carrier: str = ""
    service: str = ""

    def cheapest(self, rates: Iterable[Rate], currency: str) -> tuple[Rate, Money] | None:
        """Return the cheapest of the rates that may be taken, and its price; prices in ``currency`` go first."""
        priced = [(one, one.cost) for one in rates if one.id and self._allows(one)]
        found = [(one, cost) for one, cost in priced if cost is not None]
        return min(found, key=lambda pair: _order(pair[0], pair[1], currency), default=None)

    def _allows(self, rate: Rate) -> bool:
        names = {rate.carrier_name.casefold(), rate.carrier_id.casefold(), rate.carrier.casefold()}
        wanted, service = self.carrier.casefold(), self.service.casefold()
        return (not wanted or wanted in names) and (not service or service == (rate.service or "").casefold())


def _order(rate: Rate, cost: Money, currency: str) -> tuple[bool, str, int, str, str, str]:
    named = (rate.carrier_name, rate.service or "", rate.id)
    return (cost.currency != currency, cost.currency, cost.minor, *named)
