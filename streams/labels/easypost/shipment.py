"""What EasyPost says of a shipment: its rates, its label and what became of its money; amounts are never floats.

Source: EasyPost documentation, "Shipment", "Rate", "PostageLabel", "Shipping Refund".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Final

import msgspec

from streams.core.money import LARGEST, Money, decimals

SHIPMENT_ID: Final = re.compile(r"shp_[A-Za-z0-9]{1,64}")
_AMOUNT: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RETURNING: Final = frozenset({"submitted", "refunded"})
_REFUSED: Final = frozenset({"rejected", "not_applicable"})


class Rate(msgspec.Struct, frozen=True):
    """What a carrier asks for a service; ``rate`` is a decimal, as EasyPost writes it: in quotes."""

    id: str
    carrier: str
    service: str
    rate: str
    currency: str

    @property
    def cost(self) -> Money | None:
        """Return the price, parts of a cent rounded up; None for what is no price."""
        if not (_AMOUNT.fullmatch(self.rate) and _CURRENCY.fullmatch(self.currency)):
            return None
        try:
            amount = Decimal(self.rate).scaleb(decimals(self.currency))
            minor = int(amount.to_integral_value(ROUND_CEILING))
        except InvalidOperation:  # pragma: no cover - the pattern lets no such number through
            return None
        return Money(minor=minor, currency=self.currency) if minor <= LARGEST else None


class PostageLabel(msgspec.Struct, frozen=True):
    """Where the label lies, as what was asked for and as PDF."""

    label_url: str | None = None
    label_pdf_url: str | None = None
    label_file_type: str | None = None

    @property
    def pdf(self) -> str | None:
        """Return the address of the PDF; None when there is only a picture."""
        if self.label_pdf_url:
            return self.label_pdf_url
        return self.label_url if self.label_file_type == "application/pdf" else None


class Message(msgspec.Struct, frozen=True):
    """What a carrier says instead of a rate."""

    carrier: str = ""
    message: str = ""


class Shipment(msgspec.Struct, frozen=True):
    """A parcel that can be bought postage for, once."""

    id: str
    reference: str | None = None
    rates: tuple[Rate, ...] = ()
    messages: tuple[Message, ...] = ()
    selected_rate: Rate | None = None
    tracking_code: str | None = None
    postage_label: PostageLabel | None = None
    refund_status: str | None = None

    @property
    def bought(self) -> bool:
        """True when postage was paid for it: there is a label, and a number to follow it by."""
        return bool(self.tracking_code) and self.postage_label is not None

    @property
    def refunded(self) -> bool | None:
        """Return True when the money comes back, False when that was refused, None when nobody has asked."""
        if self.refund_status in _RETURNING:
            return True
        return False if self.refund_status in _REFUSED else None


class Shipments(msgspec.Struct, frozen=True):
    """A page of them, the latest first."""

    shipments: tuple[Shipment, ...] = ()


class Tracker(msgspec.Struct, frozen=True):
    """How far a parcel has come."""

    tracking_code: str
    status: str | None = None


class Trackers(msgspec.Struct, frozen=True):
    """A page of them, the latest first."""

    trackers: tuple[Tracker, ...] = ()


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which rates a shop takes: empty means any. Names are compared without regard to case."""

    carrier: str = ""
    service: str = ""

    def cheapest(self, rates: Iterable[Rate], currency: str) -> tuple[Rate, Money] | None:
        """Return the cheapest of the rates that may be taken, and its price.

        Prices in ``currency`` go first, since prices of two currencies cannot be compared; among equal prices
        the names decide, so that everybody who asks chooses the same.
        """
        allowed = [one for one in rates if self._allows(one)]
        priced = [(one, one.cost) for one in allowed]
        found = [(one, cost) for one, cost in priced if cost is not None]
        return min(found, key=lambda pair: _order(pair[0], pair[1], currency), default=None)

    def _allows(self, rate: Rate) -> bool:
        pairs = ((self.carrier, rate.carrier), (self.service, rate.service))
        return all(not wanted or wanted.casefold() == given.casefold() for wanted, given in pairs)


def _order(rate: Rate, cost: Money, currency: str) -> tuple[bool, str, int, str, str, str]:
    return (
        cost.currency != currency,
        cost.currency,
        cost.minor,
        rate.carrier,
        rate.service,
        rate.id,
    )
