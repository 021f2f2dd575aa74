"""What is asked of the Admin API, in GraphQL, and the shapes of its answers.

Every question was written against version 2026-07 (shopify.dev/docs/api/admin-graphql/2026-07). Scopes of the access
token: read_orders, write_draft_orders, read_products, read_inventory; read_all_orders where orders older than 60 days
are to be made good.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec

VERSION: Final = "2026-07"
COMPLETED: Final = "COMPLETED"
NOTHING: Final = msgspec.Raw(b"null")

Node = TypeVar("Node")
Number = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,20}$")]


class Question(msgspec.Struct, frozen=True):
    """A named operation; the name appears in Shopify's own logs of an app."""

    name: str
    text: str


class Nodes(msgspec.Struct, Generic[Node], frozen=True):
    """One page of a connection."""

    nodes: tuple[Node, ...]


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """An order that was made of a draft; its number is what webhooks call it, and so do we."""

    legacy_resource_id: Number
    tags: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True, rename="camel"):
    """A draft order; it ships nothing until it is completed, and it is completed once."""

    id: str
    legacy_resource_id: Number
    name: str
    status: str
    ready: bool
    tags: tuple[str, ...]
    order: Order | None = None

    @property
    def reference(self) -> str | None:
        """What became of it: the order's number, its own name when that order is gone, None while it is open."""
        if self.order is not None:
            return self.order.legacy_resource_id
        return self.name if self.status == COMPLETED else None


class Known(msgspec.Struct, frozen=True):
    """What the shop has of a replacement: its order, or the draft that is to become it, or neither."""

    reference: str | None = None
    draft: Draft | None = None


class Found(msgspec.Struct, frozen=True):
    """Drafts and orders that may be the replacement's."""

    tagged: Nodes[Draft]
    latest: Nodes[Draft]
    orders: Nodes[Order]

    def known(self, tag: str, made: Draft | None = None) -> Known:
        """Return what carries the tag, and the draft that was just made.

        Of several drafts the one that was made first counts, for everybody who looks: two that were made because
        an answer came late are completed once.
        """
        drafts = [*_with(tag, (*self.latest.nodes, *self.tagged.nodes)), *([made] if made else [])]
        numbers = [order.legacy_resource_id for order in _with(tag, self.orders.nodes)]
        numbers += [draft.reference for draft in drafts if draft.reference is not None]
        first = min(drafts, key=lambda draft: int(draft.legacy_resource_id), default=None)
        return Known(numbers[0]) if numbers else Known(draft=first)


Tagged = TypeVar("Tagged", Draft, Order)


def _with(tag: str, found: Iterable[Tagged]) -> list[Tagged]:
    """Return those that carry the tag itself: a search also finds what is like it, and tags ignore case."""
    return [one for one in found if tag.casefold() in {each.casefold() for each in one.tags}]


class UserError(msgspec.Struct, frozen=True):
    """Why Shopify does not do what it understood."""

    message: str


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """What came of a mutation."""

    draft_order: Draft | None
    user_errors: tuple[UserError, ...]


class Changed(msgspec.Struct, frozen=True):
    """The answer to ``CREATE`` and ``COMPLETE``, which give their change the same name."""

    change: Change


class Customer(msgspec.Struct, frozen=True):
    """Whose order it is."""

    id: str


class Original(msgspec.Struct, frozen=True, rename="camel"):
    """The order that is made good; the address has the names that a draft wants it to have."""

    currency_code: str
    email: str | None
    customer: Customer | None
    shipping_address: dict[str, str | None] | None


class Bought(msgspec.Struct, frozen=True):
    """The answer to ``ORIGINAL``; None when the shop has no such order, or does not show it."""

    order: Original | None


class Item(msgspec.Struct, frozen=True):
    """Whether Shopify counts the pieces."""

    tracked: bool


class Variant(msgspec.Struct, frozen=True, rename="camel"):
    """An article; ``inventory_quantity`` is what can still be sold."""

    id: str
    legacy_resource_id: Number
    sku: str | None
    inventory_policy: str
    inventory_quantity: int | None
    inventory_item: Item

    def has(self, quantity: int) -> bool:
        """True when so many can be sold: they are there, are not counted, or are sold beyond stock."""
        if not self.inventory_item.tracked or self.inventory_policy == "CONTINUE":
            return True
        return (self.inventory_quantity or 0) >= quantity


class Stock(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to ``STOCK``."""

    product_variants: Nodes[Variant]


class Answer(msgspec.Struct, frozen=True):
    """The frame of every answer; what stands in ``errors`` is looked at piece by piece."""

    data: msgspec.Raw = NOTHING
    errors: Any = None
    extensions: Any = None


_DRAFT: Final = "id legacyResourceId name status ready tags order { legacyResourceId tags }"

# A search goes by an index that is some seconds old; the list of the latest does not.
LOOK: Final = Question(
    "Look",
    f"""query Look($search: String!) {{
  tagged: draftOrders(first: 20, query: $search) {{ nodes {{ {_DRAFT} }} }}
  latest: draftOrders(first: 50, sortKey: ID, reverse: true) {{ nodes {{ {_DRAFT} }} }}
  orders(first: 5, query: $search) {{ nodes {{ legacyResourceId tags }} }}
}}""",
)
ORIGINAL: Final = Question(
    "Original",
    """query Original($id: ID!) {
  order(id: $id) {
    currencyCode
    email
    customer { id }
    shippingAddress {
      firstName lastName company address1 address2 city provinceCode countryCode: countryCodeV2 zip phone
    }
  }
}""",
)
STOCK: Final = Question(
    "Stock",
    """query Stock($search: String!) {
  productVariants(first: 50, query: $search) {
    nodes { id legacyResourceId sku inventoryPolicy inventoryQuantity inventoryItem { tracked } }
  }
}""",
)
CREATE: Final = Question(
    "Create",
    f"""mutation Create($input: DraftOrderInput!) {{
  change: draftOrderCreate(input: $input) {{ draftOrder {{ {_DRAFT} }} userErrors {{ field message }} }}
}}""",
)
COMPLETE: Final = Question(
    "Complete",
    f"""mutation Complete($id: ID!) {{
  change: draftOrderComplete(id: $id) {{ draftOrder {{ {_DRAFT} }} userErrors {{ field message }} }}
}}""",
)
