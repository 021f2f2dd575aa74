"""Schema.org markup for the parcel, so that a mail program can show when it comes; built here, never in words."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from streams.core.events import Letter
from streams.templating.brand import Brand
from streams.templating.plain import one_line
from streams.templating.variables import ID_LIMIT, ROW_LIMIT, TITLE_LIMIT

# Inside <script> only these can end the element or open a comment; U+2028/9 are gone (`one_line`).
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def parcel_delivery(order_id: str, letter: Letter, brand: Brand) -> Markup | None:
    """Return a ParcelDelivery as JSON, or None when carrier or date are unknown or the parcel is there.

    Fields: developers.google.com/gmail/markup/reference/types/ParcelDelivery. ``carrier`` is the name
    Gmail reads, ``provider`` its successor in schema.org.
    """
    if letter.arrived or letter.arrives is None or not letter.carrier:
        return None
    carrier = {"@type": "Organization", "name": one_line(letter.carrier, ID_LIMIT)}
    delivery: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ParcelDelivery",
        "carrier": carrier,
        "provider": carrier,
        "expectedArrivalFrom": letter.arrives.from_.isoformat(),
        "expectedArrivalUntil": letter.arrives.by.isoformat(),
        "itemShipped": [
            {"@type": "Product", "name": one_line(line.title or line.sku, TITLE_LIMIT)}
            for line in letter.order_lines[:ROW_LIMIT]
        ],
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": one_line(order_id, ID_LIMIT),
            "merchant": {"@type": "Organization", "name": brand.name},
        },
    }
    if letter.tracking_number:
        delivery["trackingNumber"] = one_line(letter.tracking_number, ID_LIMIT)
    if letter.country:
        delivery["deliveryAddress"] = {
            "@type": "PostalAddress",
            "addressCountry": one_line(letter.country, ID_LIMIT),
        }
    return Markup(json.dumps(delivery, ensure_ascii=False).translate(_ESCAPES))  # noqa: S704 - escaped on this line
