"""EasyPost's words for what happened to a parcel, in the words of the house.

Statuses: EasyPost documentation, "Tracker", ten values. Details: 28 values of ``status_detail``. A status
that tells nothing stays ``unknown`` whatever its detail: silence and errors are no delay.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.events import Responsible, Status

STATUSES: Mapping[str, Status] = {
    "pre_transit": "pre_transit",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "delivered": "delivered",
    "available_for_pickup": "available_for_pickup",
    "return_to_sender": "return_to_sender",
    "failure": "exception",
    "unknown": "unknown",
    "cancelled": "unknown",  # the label was voided: nothing is known of a parcel
    "error": "unknown",  # EasyPost could not ask the carrier
}

# Details that say more than the status they come with, which is often still in_transit.
_SHARPER: Mapping[str, Status] = {
    "damaged": "exception",
    "lost": "exception",
    "refused": "exception",
    "return": "return_to_sender",
    "delivery_exception": "attempt_failed",
    "arrived_at_pickup_location": "available_for_pickup",
    "expired": "expired",
    "transit_exception": "exception",
}

_REASONS: Mapping[str, Responsible] = {
    "address_correction": "customer",
    "awaiting_information": "unknown",
    "cancelled": "unknown",
    "damaged": "carrier",
    "delayed": "carrier",
    "delivery_exception": "unknown",
    "expired": "unknown",
    "failure": "unknown",
    "held": "unknown",
    "lost": "carrier",
    "missorted": "carrier",
    "refused": "customer",
    "return": "unknown",
    "transit_exception": "carrier",
    "weather_delay": "weather",
}

_FINAL = frozenset({"delivered", "return_to_sender"})


def house_status(status: str | None, detail: str | None) -> tuple[Status, str | None, Responsible | None]:
    """Return our status, the reason if the detail is one, and who is responsible for it."""
    ours = STATUSES.get(status or "", "unknown")
    if ours == "unknown" or detail is None:
        return ours, None, None
    sharper = ours if ours in _FINAL else _SHARPER.get(detail, ours)
    return sharper, detail if detail in _REASONS else None, _REASONS.get(detail)
