"""Schema.org markup for the parcel, so that a mail program can show when it comes; built here, never in words."""

from __future__ import annotations

import json
from collections.abc import Callable

from markupsafe import Markup

from streams.core.events import Letter
from streams.templating.brand import Brand
from streams.templating.plain import one_line
from streams.templating.variables import ID_LIMIT, ROW_LIMIT, TITLE_LIMIT

_text: Callable[[str], str] = json.encoder.encode_basestring  # with quotes; as json.dumps, without its set-up


def parcel_delivery(order_id: str, letter: Letter, brand: Brand) -> Markup | None:
    """Return a ParcelDelivery as JSON, or None when carrier or date are unknown or the parcel is there.

    Fields: developers.google.com/gmail/markup/reference/types/ParcelDelivery. ``carrier`` is the name
    Gmail reads, ``provider`` its successor in schema.org.
    """
    if letter.arrived or letter.arrives is None or not letter.carrier:
        return None
    carrier = _thing("Organization", "name", one_line(letter.carrier, ID_LIMIT))
    shipped = [
        _thing("Product", "name", one_line(line.title or line.sku, TITLE_LIMIT))
        for line in letter.order_lines[:ROW_LIMIT]
    ]
    merchant = _thing("Organization", "name", brand.name)
    order = _thing("Order", "orderNumber", one_line(order_id, ID_LIMIT), f', "merchant": {merchant}')
    delivery = (
        '{"@context": "https://schema.org", "@type": "ParcelDelivery", '
        f'"carrier": {carrier}, "provider": {carrier}, '
        f'"expectedArrivalFrom": "{letter.arrives.from_.isoformat()}", '
        f'"expectedArrivalUntil": "{letter.arrives.by.isoformat()}", '
        f'"itemShipped": [{", ".join(shipped)}], "partOfOrder": {order}'
    )
    if letter.tracking_number:
        delivery += f', "trackingNumber": {_text(one_line(letter.tracking_number, ID_LIMIT))}'
    if letter.country:
        country = _thing("PostalAddress", "addressCountry", one_line(letter.country, ID_LIMIT))
        delivery += f', "deliveryAddress": {country}'
    return _for_script(delivery + "}")


def _thing(kind: str, name: str, value: str, more: str = "") -> str:
    return f'{{"@type": "{kind}", "{name}": {_text(value)}{more}}}'


def _for_script(found: str) -> Markup:
    """Return JSON as it may stand inside <script>: only these can end the element or open a comment.

    U+2028 and U+2029 are gone (`one_line`).
    """
    safe = found.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704 - escaped on the line before
