"""Describes a returned parcel to Karrio: from the customer, to the shop, of a weight that is taken for granted.

Checked in the server's source (modules/core/.../serializers.py): ``shipper`` is where the parcel starts and is not
swapped for returns; ``reference`` has 35 characters at most, names 100, towns 50, postal codes 10; a parcel needs
``weight`` and ``weight_unit`` (``KG``); ``is_return`` is an option, which some carriers' integrations know.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from streams.core.events import Address, ReturnLabelRequested
from streams.core.ids import identify

RETURN: Final = "return_id"
CLAIM: Final = "claim"
SINCE: Final = "claimed_at"
# Weights are numbers in Karrio's JSON, and decimals here.
ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_GRAMS: Final = 1000  # in a kilogram
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,35}", re.ASCII)


def reference_of(return_id: str) -> str:
    """Return what the shipment is found again by: the return id, where that can be a reference."""
    return return_id if _REFERENCE.fullmatch(return_id) else identify("r", return_id)


def draft(parcel: dict[str, Any], return_id: str, *, claim: str, now: datetime) -> dict[str, Any]:
    """Return the body that creates a shipment and buys nothing; ``claim`` says whose attempt it is, and since when.

    Without ``service``: with it, Karrio would buy at once, before anybody could see that there are two.
    """
    metadata = {RETURN: return_id, CLAIM: claim, SINCE: now.astimezone(UTC).isoformat()}
    return {**parcel, "label_type": "PDF", "metadata": metadata}


def parcel(
    request: ReturnLabelRequested, *, customer: Address, shop: Address, weight_g: int
) -> dict[str, Any]:
    """Return what carriers need to name a price."""
    return {
        "shipper": _address(customer),
        "recipient": _address(shop),
        "parcels": [{"weight": Decimal(weight_g) / _GRAMS, "weight_unit": "KG"}],
        "options": {"is_return": True},
        "reference": reference_of(request.return_id),
    }


def _address(address: Address) -> dict[str, str]:
    first, *more = [line.strip() for line in (address.street or "").splitlines() if line.strip()] or [""]
    parts = {
        "person_name": (address.name or "")[:100],
        "address_line1": first[:100],
        "address_line2": ", ".join(more)[:100],
        "city": (address.city or "")[:50],
        "state_code": (address.region or "")[:50],
        "postal_code": (address.postal_code or "")[:10],
        "country_code": address.country or "",
    }
    return {part: text for part, text in parts.items() if text}
