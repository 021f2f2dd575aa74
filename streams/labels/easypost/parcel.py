"""Describes a returned parcel to EasyPost: from the customer, to the shop, of a weight that is taken for granted.

EasyPost swaps the two addresses of a return by itself (documentation, "Return"): ``to_address`` is the customer
as if the parcel were sent to them, ``from_address`` is the shop.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from streams.core.events import Address, ReturnLabelRequested

_GRAMS_OF_AN_OUNCE: Final = Decimal("28.349523125")  # international avoirdupois ounce, by definition
_TENTH: Final = Decimal("0.1")  # EasyPost takes ounces with one decimal
# Weights are numbers in its JSON, and decimals here.
ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def shipment(
    request: ReturnLabelRequested, *, customer: Address, shop: Address, weight_g: int
) -> dict[str, Any]:
    """Return the body that creates the shipment of a return; the same for every copy of the request."""
    return {
        "shipment": {
            "reference": request.return_id,
            "is_return": True,
            "to_address": _address(customer),
            "from_address": _address(shop),
            "parcel": {"weight": _ounces(weight_g)},
            "options": {"label_format": "PDF"},
        }
    }


def _address(address: Address) -> dict[str, str]:
    first, *more = [line.strip() for line in (address.street or "").splitlines() if line.strip()] or [""]
    parts = {
        "name": address.name,
        "street1": first,
        "street2": ", ".join(more),
        "city": address.city,
        "state": address.region,
        "zip": address.postal_code,
        "country": address.country,
    }
    return {part: text for part, text in parts.items() if text}


def _ounces(grams: int) -> Decimal:
    return max(_TENTH, (Decimal(grams) / _GRAMS_OF_AN_OUNCE).quantize(_TENTH))
