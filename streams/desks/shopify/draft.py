"""The draft order that a replacement becomes: what it costs, where it goes, and what it is told apart by."""

from __future__ import annotations

import re
from typing import Any, Final

from streams.core.events import ReplacementRequested
from streams.core.ids import identify
from streams.desks.shopify.questions import Original, Variant

# 40 characters is the longest tag that Shopify takes for an order; a comma would part it. Drafts hand theirs on to the order.
_TAG: Final = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


def tag_of(request: ReplacementRequested) -> str:
    """Return the tag by which the replacement is found again: its id, where that can be a tag."""
    found = request.replacement_id
    return found if _TAG.fullmatch(found) else identify("rep", found)


def draft_input(
    request: ReplacementRequested, original: Original, goods: list[tuple[Variant, int]]
) -> dict[str, Any]:
    """Return a ``DraftOrderInput``: nothing to pay, to the same address, tagged with the replacement's id.

    The attribute ``replaces`` stands among the order's note attributes from then on.
    """
    found: dict[str, Any] = {
        "lineItems": [{"variantId": variant.id, "quantity": quantity} for variant, quantity in goods],
        "tags": [tag_of(request)],
        "appliedDiscount": {
            "title": "Replacement",
            "description": f"replacement for {request.order_id}",
            "value": 100.0,
            "valueType": "PERCENTAGE",
        },
        "shippingLine": {
            "title": "Express" if request.expedited else "Standard",
            "priceWithCurrency": {"amount": "0.00", "currencyCode": original.currency_code},
        },
        "shippingAddress": original.shipping_address,
        "acceptAutomaticDiscounts": False,
        "customAttributes": [{"key": "replaces", "value": request.order_id}],
    }
    if original.email is not None:
        found["email"] = original.email
    if original.customer is not None:
        found["purchasingEntity"] = {"customerId": original.customer.id}
    return found
