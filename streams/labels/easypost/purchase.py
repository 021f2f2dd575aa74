"""Buys one label for one return: looked up, created, agreed upon, bought, and looked at again.

What EasyPost has is what counts, and never what it said: an answer that was lost has a shipment behind it or none.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested
from streams.core.money import Money
from streams.labels import SenderOf, trouble
from streams.labels.easypost.answers import SELLER, answered, silent, why
from streams.labels.easypost.api import Api, Gone, No, Silence
from streams.labels.easypost.parcel import shipment
from streams.labels.easypost.shipment import SHIPMENT_ID, Choice, Shipment, Shipments
from streams.labels.origin import origin

_LONGEST: Final = 500  # characters of a reason
_DRAFTS: Final = "/shipments?purchased=false&page_size=100"
_LATELY: Final = "/shipments?purchased=true&page_size=100"


class Purchases:
    """What a shop buys at EasyPost; every step may be repeated."""

    def __init__(
        self, api: Api, *, shop: Address, choice: Choice, weight_g: int, sender_of: SenderOf
    ) -> None:
        self._api = api
        self._shop = shop
        self._choice = choice
        self._weight_g = weight_g
        self._sender_of = sender_of

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return the cheapest price, or what was paid already; None where there is no price.

        Raises:
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        known = self._look(request) or self._begin(request)
        if isinstance(known, ReturnLabelRefused):
            return None
        if known.bought:
            return cost_of(known, request)
        found = self._choice.cheapest(known.rates, request.cost.currency)
        return None if found is None else found[1]

    def buy(self, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Buy the label of a return, or return the one that was bought.

        Raises:
            WorldProblem: ``label-in-doubt``, ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        known = self._look(request) or self._begin(request)
        if isinstance(known, ReturnLabelRefused):
            return known
        if not known.bought:
            known = self._agreed(known, request)
        return _issued(known, request) if known.bought else self._pay(known, request)

    # ------------------------------------------------------------------------ steps

    def _look(self, request: ReturnLabelRequested) -> Shipment | None:
        """Return the shipment of this return, or None where there is none."""
        path = f"/shipments/{quote(request.return_id, safe='')}"
        answer = self._api.ask("GET", path, Shipment)
        if isinstance(answer, Gone):
            return None
        return self._ours(answer, request)

    def _begin(self, request: ReturnLabelRequested) -> Shipment | ReturnLabelRefused:
        """Create a shipment; nothing is paid by that."""
        customer = origin(request, self._sender_of(request.order_id), self._shop)
        if customer is None:
            return _refused(request, f"the customer's address in {request.country} is not known")
        body = shipment(request, customer=customer, shop=self._shop, weight_g=self._weight_g)
        made = self._api.ask("POST", "/shipments", Shipment, body)
        return _refused(request, made.reason) if isinstance(made, No) else self._ours(made, request)

    def _agreed(self, known: Shipment, request: ReturnLabelRequested) -> Shipment:
        """Return the shipment that everybody buys, should there be several: what is bought, else the oldest.

        Drafts are listed first: what is bought between the two lists is in the second.
        """
        drafts = self._of_reference(_DRAFTS, request)
        bought = [one for one in self._of_reference(_LATELY, request) if one.bought]
        return next(reversed(bought or drafts), known)

    def _of_reference(self, path: str, request: ReturnLabelRequested) -> list[Shipment]:
        """Return the shipments of this return on a page, the latest first."""
        page = answered(self._api.ask("GET", path, Shipments), request)
        return [one for one in page.shipments if _is_of(one, request)]

    def _ours(self, answer: Shipment | Gone | No | Silence, request: ReturnLabelRequested) -> Shipment:
        found = answered(answer, request)
        if not _is_of(found, request):
            raise trouble.unreachable(SELLER, request, "it answered with another shipment")
        return found

    def _pay(self, known: Shipment, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Buy the cheapest rate; whatever is answered, what EasyPost has is what counts."""
        found = self._choice.cheapest(known.rates, request.cost.currency)
        if found is None:
            return _refused(request, _no_rate(known))
        body = {"rate": {"id": found[0].id}}
        answer = self._api.ask("POST", f"/shipments/{known.id}/buy", Shipment, body)
        if isinstance(answer, Silence) and not answer.acted:
            raise silent(answer, request)
        if isinstance(answer, Shipment) and answer.id == known.id and answer.bought:
            return _issued(answer, request)
        now = self._after(known, request, answer)
        if now is not None:
            return _issued(now, request)
        if isinstance(answer, No):
            return _refused(request, answer.reason)
        raise trouble.in_doubt(SELLER, request, why(answer))

    def _after(
        self, known: Shipment, request: ReturnLabelRequested, answer: Shipment | Gone | No | Silence
    ) -> Shipment | None:
        """Return the shipment when it turns out to be bought, None when a look shows that it is not."""
        now = self._api.ask("GET", f"/shipments/{known.id}", Shipment)
        if isinstance(now, Shipment) and now.id == known.id:
            return now if now.bought else None
        raise trouble.in_doubt(SELLER, request, why(answer))


def _is_of(found: Shipment, request: ReturnLabelRequested) -> bool:
    return found.reference == request.return_id and SHIPMENT_ID.fullmatch(found.id) is not None


def _issued(found: Shipment, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
    if found.refunded:
        return _refused(request, "its label was given back")
    return ReturnLabelIssued(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id=found.id,
        carrier=SELLER if found.selected_rate is None else found.selected_rate.carrier,
        tracking_number=found.tracking_code or "",
        cost=cost_of(found, request),
    )


def cost_of(found: Shipment, request: ReturnLabelRequested) -> Money:
    """Return what was paid; what was decided, where EasyPost does not say a price."""
    cost = None if found.selected_rate is None else found.selected_rate.cost
    return request.cost if cost is None else cost


def _refused(request: ReturnLabelRequested, reason: str) -> ReturnLabelRefused:
    return ReturnLabelRefused(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        reason=reason[:_LONGEST],
    )


def _no_rate(known: Shipment) -> str:
    said = "; ".join(f"{one.carrier}: {one.message}" for one in known.messages if one.message.strip())
    return f"no carrier has a rate for it{f' ({said})' if said else ''}"
