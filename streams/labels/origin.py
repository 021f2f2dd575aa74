"""Where a returned parcel starts."""

from __future__ import annotations

import msgspec

from streams.core.events import Address, ReturnLabelRequested

_NAME_LENGTH = 40  # characters: what every carrier prints of a name


def origin(request: ReturnLabelRequested, known: Address | None, shop: Address) -> Address | None:
    """Return where the parcel starts: where the order went, else what is ``known``; None when nobody can say.

    A customer whose address is unknown is taken to live where the shop takes its returns, if the country is the
    same or unknown too: carriers accept a parcel of their country wherever it is handed in, and the address
    only decides the zone. From another country nobody could clear it through customs.
    """
    unnamed = f"Order {request.order_id}"[:_NAME_LENGTH]
    for address in (request.sender, known):
        if address is not None and address.street and address.city:
            country = address.country or request.country or shop.country
            return msgspec.structs.replace(address, name=address.name or unnamed, country=country)
    if request.country is not None and request.country != shop.country:
        return None
    return msgspec.structs.replace(shop, name=unnamed)
