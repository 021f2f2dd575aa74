"""Amounts in minor units, never floats; only amounts of one currency can be added."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

import msgspec

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$", description="ISO 4217 code")]
Minor = Annotated[
    int,
    msgspec.Meta(ge=-(10**12), le=10**12, description="minor units, such as cents"),
]


# ISO 4217 minor-unit exponents that are not 2. CLDR's own digits are for display and differ (RSD: 0).
_WITHOUT_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_DECIMALS = MappingProxyType(
    dict.fromkeys(_WITHOUT_CENTS.split(), 0)
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | {"CLF": 4, "UYW": 4}
)

LARGEST = 10**12  # the schemas' limit; a sum beyond it is as far above any budget as the limit itself


class Money(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An amount: ``minor`` units of an ISO 4217 ``currency`` (1234 USD is $12.34)."""

    minor: Minor
    currency: Currency

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            message = f"cannot add {other.currency} to {self.currency}"
            raise ValueError(message)
        return Money(minor=_within(self.minor + other.minor), currency=self.currency)

    def times(self, quantity: int) -> Money:
        """Return the amount for ``quantity`` pieces."""
        return Money(minor=_within(self.minor * quantity), currency=self.currency)

    def share(self, percent: int) -> Money:
        """Return ``percent`` of the amount, rounded down to whole minor units."""
        return Money(minor=self.minor * percent // 100, currency=self.currency)


def _within(minor: int) -> int:
    return max(-LARGEST, min(LARGEST, minor))


def decimals(currency: str) -> int:
    """Return how many decimals an amount of the currency has (ISO 4217): 2 for USD, 0 for JPY."""
    return _DECIMALS.get(currency, 2)


def spell_amount(amount: Money) -> str:
    """Return ``12.50 USD``."""
    places = decimals(amount.currency)
    sign, digits = "-" if amount.minor < 0 else "", str(abs(amount.minor)).rjust(places + 1, "0")
    number = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"{sign}{number} {amount.currency}"


def zero(currency: str) -> Money:
    """Return nothing at all, in ``currency``."""
    return Money(minor=0, currency=currency)


def price(table: dict[str, int], currency: str | None, shop_currency: str) -> Money:
    """Return the amount of a table in the order's currency, or in the shop's when no price is known.

    A currency that the table does not know costs nothing here; no budget knows it either, so a person is
    asked as soon as goods are added.
    """
    chosen = currency or shop_currency
    return Money(minor=table.get(chosen, 0), currency=chosen)
