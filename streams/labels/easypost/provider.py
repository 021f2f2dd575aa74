"""Buys return labels from EasyPost: found by the return's id, created once, bought once, downloaded as PDF.

What it sees:
    A ``ReturnLabelRequested``, the shop's return address and what is set: the key (``FIRSTWORD_LABEL_KEY``), perhaps one
    carrier and one service, the weight that a returned parcel is taken to have, and, through ``sender_of``, the
    customer's address where somebody knows it.

What it does:
    EasyPost knows no idempotency keys; it sells the postage of one shipment once. So the return id is the shipment's
    ``reference``: a shipment of that reference is looked up first, and created only where there is none. Of several
    (made by two at once, or by one who thought that the first was lost) everybody takes what is bought, else
    the oldest; and then buys the cheapest rate of it. A lost answer is never repeated, it is looked up. What was
    bought is the answer, for ever.

    What EasyPost refuses with one of its error codes is a no, with its words; so is a parcel that no carrier has
    a rate for, and a label that was given back. Everything else is no answer: the same request is made again.

Where a parcel starts:
    Where the order went, as the request says. Where nobody knows, the parcel is taken to start at the shop's own
    return address (under the order's name), if the country is the same; from another country it is refused,
    since neither a price nor a customs form could be right.

Known limits:
    Two labels need three mishaps at once: an older shipment that appears after more than a whole time limit, a purchase
    of the other one whose answer is lost, and one that is still under way when it is looked up. EasyPost lists a
    hundred shipments at a time: older ones are found by their reference alone, and it does not say which of two.
    Customs forms are not made: parcels across a border get whatever the carrier says to that.

Example:
    ``EasyPostLabels(Api(USUAL, key), shop=Address(...)).buy(request)``
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested, Status
from streams.core.money import Money
from streams.labels import SenderOf, trouble, unknown_sender
from streams.labels.easypost.answers import SELLER, answered, silent, why
from streams.labels.easypost.api import USUAL, Api, Gone, No, Silence
from streams.labels.easypost.purchase import Purchases
from streams.labels.easypost.shipment import SHIPMENT_ID, Choice, Shipment, Trackers
from streams.problems import WorldProblem
from streams.settings import Settings

_NEAR: Final = re.compile(r"http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/|$)")  # the key stays on this machine
# Its ten values in our words; streams/sources has the same for webhooks, and labels do not know sources.
_STATUSES: Final[Mapping[str, Status]] = {
    "pre_transit": "pre_transit",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "delivered": "delivered",
    "available_for_pickup": "available_for_pickup",
    "return_to_sender": "return_to_sender",
    "failure": "exception",
}


class EasyPostLabels:
    """The provider of a shop that has an account at EasyPost.

    ``refund_days`` is what USPS grants; UPS and FedEx grant 90 (EasyPost documentation, "Shipping Refund").
    """

    name = "easypost"
    is_remote = True
    refund_days: int | None = 30

    def __init__(
        self,
        api: Api,
        *,
        shop: Address,
        choice: Choice | None = None,
        weight_g: int = 1000,
        sender_of: SenderOf = unknown_sender,
    ) -> None:
        self._api = api
        self._purchases = Purchases(
            api, shop=shop, choice=choice or Choice(), weight_g=weight_g, sender_of=sender_of
        )

    @classmethod
    def from_settings(cls, settings: Settings, *, sender_of: SenderOf = unknown_sender) -> EasyPostLabels:
        """Return the provider that the settings describe.

        Raises:
            UsageProblem: ``label-not-set``: the key or a part of the return address is missing, or the address of the
                API is unprotected.
        """
        url = settings.label_url or USUAL
        if not (url.startswith("https://") or _NEAR.match(url)):
            raise trouble.not_set(cls.name, "an address with https", f'FIRSTWORD_LABEL_URL="{USUAL}"')
        key = "" if settings.label_key is None else settings.label_key.reveal()
        if not (key.isascii() and key.isprintable()) or not key or " " in key:
            raise trouble.not_set(cls.name, "the key of the account", "set FIRSTWORD_LABEL_KEY")
        shop = settings.return_address()
        if shop is None or not (shop.name and shop.street and shop.city and shop.country):
            hint = "set FIRSTWORD_RETURN_NAME, _STREET, _CITY, _REGION, _POSTAL_CODE and _COUNTRY"
            raise trouble.not_set(cls.name, "the whole return address", hint)
        choice = Choice(carrier=settings.label_carrier, service=settings.label_service)
        weight_g = settings.label_weight_g
        return cls(Api(url, key), shop=shop, choice=choice, weight_g=weight_g, sender_of=sender_of)

    # ------------------------------------------------------------------------ the port

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return the cheapest price; the shipment that was created for it is the one that is bought later.

        Raises:
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        return self._purchases.quote(request)

    def buy(self, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Buy the label once; the same request is the same label, however often it is made.

        Raises:
            WorldProblem: ``label-in-doubt``, ``label-seller-unreachable`` or ``label-seller-refuses-us``; the same
                request is made again later.
        """
        return self._purchases.buy(request)

    def document(self, issued: ReturnLabelIssued) -> bytes:
        """Return the label as a PDF, which EasyPost makes of it where it was a picture.

        Raises:
            InputProblem: ``label-of-another-provider``.
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``; or ``label-unfetchable``, for good.
        """
        found = self._shipment(issued)
        label = found.postage_label
        if label is None or label.pdf is None:
            made = self._api.ask("GET", f"/shipments/{found.id}/label?file_format=PDF", Shipment)
            label = answered(made, issued).postage_label
        if label is None or label.pdf is None:
            raise trouble.unreachable(SELLER, issued, "it has no PDF of the label yet")
        file = self._api.fetch(label.pdf)
        if isinstance(file, bytes):
            return file
        raise trouble.unreachable(SELLER, issued, file.why) if file.passes else _unfetchable(issued, file)

    def void(self, issued: ReturnLabelIssued) -> bool:
        """Give the label back: True when EasyPost has the refund or has asked the carrier for it.

        Raises:
            InputProblem: ``label-of-another-provider``.
            WorldProblem: ``label-in-doubt``, ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        known = self._shipment(issued)
        if known.refunded is not None:
            return known.refunded
        answer = self._api.ask("POST", f"/shipments/{known.id}/refund", Shipment)
        if isinstance(answer, Silence) and not answer.acted:
            raise silent(answer, issued)
        now = self._shipment(issued).refunded
        if now is not None:
            return now
        if isinstance(answer, No):
            return False
        raise trouble.in_doubt(SELLER, issued, why(answer))

    def track(self, tracking_number: str) -> Status | None:
        """Return how far the parcel has come.

        Raises:
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        path = f"/trackers?tracking_code={quote(tracking_number, safe='')}"
        answer = self._api.ask("GET", path, Trackers)
        if isinstance(answer, Gone):
            return None
        said = answered(answer, f"parcel {tracking_number}").trackers
        ours = next((one for one in said if one.tracking_code == tracking_number), None)
        return None if ours is None else _STATUSES.get(ours.status or "", "unknown")

    def _shipment(self, issued: ReturnLabelIssued) -> Shipment:
        if not SHIPMENT_ID.fullmatch(issued.label_id):
            raise trouble.not_ours(SELLER, issued)
        answer = self._api.ask("GET", f"/shipments/{issued.label_id}", Shipment)
        if isinstance(answer, Gone):
            raise trouble.not_ours(SELLER, issued)
        found = answered(answer, issued)
        if found.id != issued.label_id:
            raise trouble.unreachable(SELLER, issued, "it answered with another shipment")
        return found


def _unfetchable(issued: ReturnLabelIssued, file: Silence) -> WorldProblem:
    return WorldProblem(
        "label-unfetchable",
        f"The label {issued.label_id} was bought and cannot be downloaded.",
        where=f"order {issued.order_id}, return {issued.return_id}",
        why=file.why,
        hint="The customer is written to without a label; look at the shipment at the seller's.",
    )


PROVIDER = EasyPostLabels
