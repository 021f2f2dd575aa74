"""Makes a replacement an order in the shop's own Shopify: found by its tag, drafted, completed once.

What it sees:
    A ``ReplacementRequested`` for an order of Shopify (its numeric id), and the shop and the token that are set
    (``FIRSTWORD_DESK_URL``, such as ``https://crunchy-armchair.myshopify.com``, and ``FIRSTWORD_DESK_SECRET``: an
    access token, or ``CLIENT_ID:CLIENT_SECRET`` of an app in the Dev Dashboard).

What it does:
    Asks the Admin GraphQL API, version 2026-07. It looks for drafts and orders that carry the replacement's id as
    a tag. Where there are none, it asks for the stock, copies address and customer of the order that is made
    good, makes a draft with that tag (100 % discount, free shipping: Express or Standard), looks again, and
    completes the draft. Shopify knows no keys for these two mutations; so a lost answer is never repeated, it is
    looked up: a draft that is there is completed, an order that is there is the answer. A draft alone ships nothing,
    and is completed once, by Shopify's own rule; of two drafts everybody completes the first.

    An article that the shop does not know or does not have (and does not sell beyond stock), an order that it
    does not know, and whatever Shopify answers with in ``userErrors`` is a no, with its reason. Everything else
    is no answer: it is asked again, until there is one.

Known limits:
    Two orders need three mishaps at once: a draft that appears after more than a whole time limit, a completion of
    the second draft whose answer is lost, and one that is still under way when it is looked up.
    Shopify decides by its settings whether it also writes to the customer. Tokens without ``read_all_orders``
    do not see orders older than 60 days.

Example:
    ``ShopifyDesk(Admin("https://crunchy-armchair.myshopify.com", token)).order(request).reference``
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

from streams.core.events import ReplacementAccepted, ReplacementRefused, ReplacementRequested
from streams.desks.shopify.access import Silence
from streams.desks.shopify.admin import Admin
from streams.desks.shopify.draft import draft_input, tag_of
from streams.desks.shopify.questions import (
    COMPLETE,
    CREATE,
    LOOK,
    ORIGINAL,
    STOCK,
    Bought,
    Change,
    Changed,
    Draft,
    Found,
    Known,
    Question,
    Stock,
    Variant,
)
from streams.problems import UsageProblem, WorldProblem
from streams.settings import Settings

_LOOKS: Final = 3  # how often it is looked whether Shopify has got on, before somebody else's turn
_LONGEST: Final = 500  # characters of what the other side says
_NEAR: Final = re.compile(
    r"http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$)"
)  # the token stays on this machine
_ARTICLE: Final = "variant:"  # what our source calls an article without a sku

Shape = TypeVar("Shape")
Goods = list[tuple[Variant, int]]


class ShopifyDesk:
    """The desk of a shop that ships from Shopify."""

    name = "shopify"
    is_remote = True

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    @classmethod
    def from_settings(cls, settings: Settings) -> ShopifyDesk:
        """Return the desk that the settings describe.

        Raises:
            UsageProblem: ``desk-not-set``: the shop's address is none or unprotected, or the token is missing.
        """
        shop = "" if settings.desk_url is None else settings.desk_url.reveal().rstrip("/")
        if not (shop.startswith("https://") or _NEAR.match(shop)):
            raise _not_set("the shop's address", 'FIRSTWORD_DESK_URL="https://SHOP.myshopify.com"')
        secret = "" if settings.desk_secret is None else settings.desk_secret.reveal()
        if not (secret.isascii() and secret.isprintable()) or not secret or " " in secret:
            hint = 'FIRSTWORD_DESK_SECRET="CLIENT_ID:CLIENT_SECRET" of the app, or its access token'
            raise _not_set("what proves us to Shopify", hint)
        return cls(Admin(shop, secret))

    def order(self, request: ReplacementRequested) -> ReplacementAccepted | ReplacementRefused:
        """Order the replacement once; the same request is the same order, however often it is made.

        Raises:
            WorldProblem: ``desk-unanswered`` or ``desk-refuses-us``; the same request is made again later.
        """
        known = self._look(request)
        if known == Known():
            begun = self._begin(request)
            if isinstance(begun, ReplacementRefused):
                return begun
            known = begun
        if known.draft is not None:
            return self._complete(known.draft, request)
        return _accepted(request, known.reference)

    # ------------------------------------------------------------------------ steps

    def _begin(self, request: ReplacementRequested) -> Known | ReplacementRefused:
        """Make a draft, and return what the shop has after that: perhaps somebody's who was faster."""
        if not (request.order_id.isascii() and request.order_id.isdigit()):
            return _refused(request, [f"{request.order_id} is not the number of an order in Shopify"])
        bought = self._asked(ORIGINAL, {"id": f"gid://shopify/Order/{request.order_id}"}, Bought, request)
        if bought.order is None or bought.order.shipping_address is None:
            lacks = "order" if bought.order is None else "shipping address for the order"
            return _refused(request, [f"the shop has no {lacks} {request.order_id}"])
        goods = self._goods(request)
        if isinstance(goods, ReplacementRefused):
            return goods
        variables = {"input": draft_input(request, bought.order, goods)}
        made = self._admin.ask(CREATE, variables, Changed)
        if isinstance(made, Changed) and made.change.draft_order is None and made.change.user_errors:
            return _refused(request, _reasons(made.change))
        known = self._look(request, None if isinstance(made, Silence) else made.change.draft_order)
        if known == Known():
            raise _no_answer(made if isinstance(made, Silence) else Silence("no draft was made"), request)
        return known

    def _complete(
        self, draft: Draft, request: ReplacementRequested
    ) -> ReplacementAccepted | ReplacementRefused:
        """Complete the draft; whatever is answered, what the shop has is what counts."""
        if not draft.ready:
            self._watch(request, _is_ready)
        answer = self._admin.ask(COMPLETE, {"id": draft.id}, Changed)
        change = None if isinstance(answer, Silence) else answer.change
        if change is not None and change.draft_order is not None and change.draft_order.reference:
            return _accepted(request, change.draft_order.reference)
        known = self._watch(request, _is_ordered)
        if known.reference is not None:
            return _accepted(request, known.reference)
        if change is not None and change.user_errors and known.draft is not None and known.draft.ready:
            return _refused(request, [*_reasons(change), f"the draft {known.draft.name} stays open"])
        silence = answer if isinstance(answer, Silence) else Silence("the draft is not completed yet")
        raise _no_answer(silence, request)

    def _goods(self, request: ReplacementRequested) -> Goods | ReplacementRefused:
        """Return a variant for every article, or everything that is missing."""
        goods: Goods = []
        missing: list[str] = []
        wanted: Counter[str] = Counter()
        for line in request.lines:
            wanted[line.sku] += line.quantity
        for sku, quantity in wanted.items():
            found = self._variants(sku, request)
            variant = next((one for one in found if one.has(quantity)), None)
            if variant is None:
                missing.append(_missing(sku, quantity, found))
            else:
                goods.append((variant, quantity))
        return _refused(request, missing) if missing else goods

    # ------------------------------------------------------------------------ questions

    def _variants(self, sku: str, request: ReplacementRequested) -> list[Variant]:
        number = sku.removeprefix(_ARTICLE)
        by_number = number != sku and number.isdigit()
        search = f"id:{number}" if by_number else f"sku:{_quoted(sku)}"
        found = self._asked(STOCK, {"search": search}, Stock, request).product_variants.nodes
        return [one for one in found if (one.legacy_resource_id == number if by_number else one.sku == sku)]

    def _look(self, request: ReplacementRequested, made: Draft | None = None) -> Known:
        tag = tag_of(request)
        return self._asked(LOOK, {"search": f"tag:{_quoted(tag)}"}, Found, request).known(tag, made)

    def _watch(self, request: ReplacementRequested, enough: Callable[[Known], bool]) -> Known:
        """Look, again after a pause, until it is enough or somebody else's turn."""
        known = self._look(request)
        for _ in range(_LOOKS - 1):
            if enough(known):
                break
            self._admin.wait()
            known = self._look(request)
        return known

    def _asked(
        self,
        question: Question,
        variables: dict[str, Any],
        shape: type[Shape],
        request: ReplacementRequested,
    ) -> Shape:
        answer = self._admin.ask(question, variables, shape)
        if isinstance(answer, Silence):
            raise _no_answer(answer, request)
        return answer


def _is_ready(known: Known) -> bool:
    return known.draft is None or known.draft.ready


def _is_ordered(known: Known) -> bool:
    return known.reference is not None


def _quoted(text: str) -> str:
    """Return a phrase of Shopify's search syntax."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _missing(sku: str, quantity: int, found: list[Variant]) -> str:
    if not found:
        return f"the shop has no article {sku}"
    stock = max(one.inventory_quantity or 0 for one in found)
    return f"{sku} is out of stock: {quantity} wanted, {max(stock, 0)} there"


def _reasons(change: Change) -> list[str]:
    return [error.message for error in change.user_errors if error.message.strip()]


def _accepted(request: ReplacementRequested, reference: str | None) -> ReplacementAccepted:
    return ReplacementAccepted(
        order_id=request.order_id,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reference=reference,
    )


def _refused(request: ReplacementRequested, reasons: list[str]) -> ReplacementRefused:
    return ReplacementRefused(
        order_id=request.order_id,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reason="; ".join(reasons)[:_LONGEST] or "Shopify gave no reason",
    )


def _not_set(what: str, hint: str) -> UsageProblem:
    return UsageProblem("desk-not-set", f"the desk shopify needs {what}", where="FIRSTWORD_DESK", hint=hint)


def _no_answer(silence: Silence, request: ReplacementRequested) -> WorldProblem:
    where = f"order {request.order_id}, replacement {request.replacement_id}"
    if silence.passes:
        return WorldProblem(
            "desk-unanswered",
            "Shopify did not say whether it ships the replacement",
            where=where,
            why=silence.why,
            hint="nothing to do: it is looked up and asked again until it answers",
            retriable=True,
        )
    return WorldProblem(
        "desk-refuses-us",
        "Shopify does not take requests from us",
        where=where,
        why=silence.why,
        hint="see that FIRSTWORD_DESK_URL and FIRSTWORD_DESK_SECRET are those of the shop, and that the app may read orders, products and inventory and write draft orders; it is asked again until it answers",
        retriable=True,
    )


DESK = ShopifyDesk
