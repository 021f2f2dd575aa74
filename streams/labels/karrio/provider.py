"""Buys return labels through the shop's own Karrio server: looked up by the return's id, claimed, bought once.

What it sees:
    A ``ReturnLabelRequested``, the shop's return address and what is set: the server (``FIRSTWORD_LABEL_URL``, such as
    ``https://karrio.example.com``), its key (``FIRSTWORD_LABEL_KEY``), perhaps one carrier (its name, such as ``ups``, or
    what its connection is called) and one service (such as ``ups_standard``), the weight of a returned parcel, and,
    through ``sender_of``, the customer's address where somebody knows it.

What it does:
    Karrio knows no idempotency keys, and two purchases of one shipment at the same moment would both reach the carrier.
    So the return id is the shipment's ``reference``, and a draft is a claim: whoever wants to buy looks, makes a
    draft of their own, looks again, and buys only where no other draft is there; of two who see each other, nobody
    buys. A lost answer is never repeated, it is looked up. A draft that nobody bought within a quarter of
    an hour was left behind: it is canceled, after which Karrio refuses to sell it, and somebody else may try.

    What Karrio or a carrier refuses in words is a no; so is a parcel that no carrier has a rate for, and a
    label that was given back. Everything else is no answer: the same request is made again.

Where a parcel starts:
    Where the order went, as the request says. Where nobody knows, the parcel is taken to start at the shop's own
    return address (under the order's name), if the country is the same; from another country it is refused.

Checked, and how:
    Paths, fields and states against the server's source at github.com/karrioapi/karrio (views and serializers of
    modules/manager and modules/core, and their tests, 2022 to 2026). The filter ``reference`` finds parts of words, so what it
    finds is compared. From memory: that older servers hand out ``label.pdf`` without a token. Never tried
    against a running server.

Known limits:
    Two labels need a carrier that sold one and a server that lost it: it fell over between the carrier's answer and its own
    database, and says ``draft`` ever after. A carrier that takes longer than a quarter of an hour does the same.
    Where Karrio's integration of a carrier cannot cancel, Karrio says yes and tells the carrier nothing.
    Customs forms are not made: parcels across a border get whatever the carrier says to that.

Example:
    ``KarrioLabels(Api("https://karrio.example.com", key), shop=Address(...)).buy(request)``
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from streams.clock import wall_now
from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested, Status
from streams.core.money import Money
from streams.labels import SenderOf, trouble, unknown_sender
from streams.labels.karrio.answers import (
    SELLER,
    SHIPMENT_ID,
    Answer,
    claims,
    label_of,
    problem_of,
    reason_of,
    refused,
    settled,
)
from streams.labels.karrio.api import Api, Gone, No, Silence
from streams.labels.karrio.parcel import draft, parcel, reference_of
from streams.labels.karrio.shipment import STATUSES, Choice, Page, Rates, Shipment, Tracker
from streams.labels.origin import origin
from streams.problems import WorldProblem
from streams.settings import Settings

_CLAIM_HOLDS: Final = timedelta(minutes=15)
_PAGE: Final = 100
_PAGES: Final = 20  # as many have the same 35 characters only where references are not looked at

Found = TypeVar("Found")


class KarrioLabels:
    """The provider of a shop that runs Karrio, with carrier accounts of its own.

    ``refund_days`` is None: carriers bill such accounts when a label is scanned, or have terms of their own.
    """

    name = "karrio"
    is_remote = True
    refund_days: int | None = None

    def __init__(
        self,
        api: Api,
        *,
        shop: Address,
        choice: Choice | None = None,
        weight_g: int = 1000,
        sender_of: SenderOf = unknown_sender,
        now: Callable[[], datetime] = wall_now,
    ) -> None:
        self._api = api
        self._shop = shop
        self._choice = choice or Choice()
        self._weight_g = weight_g
        self._sender_of = sender_of
        self._now = now
        self._idle: set[str | None] = set()  # claims of our own that ended before anything was bought

    @classmethod
    def from_settings(cls, settings: Settings, *, sender_of: SenderOf = unknown_sender) -> KarrioLabels:
        """Return the provider that the settings describe.

        Raises:
            UsageProblem: ``label-not-set``: the server, the key or a part of the return address is missing.
        """
        url = settings.label_url
        if not url.startswith(("https://", "http://")):
            raise trouble.not_set(
                cls.name, "the server's address", 'FIRSTWORD_LABEL_URL="https://karrio.example.com"'
            )
        key = "" if settings.label_key is None else settings.label_key.reveal()
        if not (key.isascii() and key.isprintable()) or not key or " " in key:
            raise trouble.not_set(cls.name, "a key of the server", "set FIRSTWORD_LABEL_KEY")
        shop = settings.return_address()
        if shop is None or not (shop.name and shop.street and shop.city and shop.country):
            hint = "set FIRSTWORD_RETURN_NAME, _STREET, _CITY, _REGION, _POSTAL_CODE and _COUNTRY"
            raise trouble.not_set(cls.name, "the whole return address", hint)
        choice = Choice(carrier=settings.label_carrier, service=settings.label_service)
        weight_g = settings.label_weight_g
        return cls(Api(url, key), shop=shop, choice=choice, weight_g=weight_g, sender_of=sender_of)

    # ------------------------------------------------------------------------ the port

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return the cheapest price; nothing is made for it in Karrio.

        Raises:
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        body = self._parcel(request)
        if body is None:
            return None
        answer = self._api.ask("POST", "/v1/proxy/rates", Rates, body)
        if isinstance(answer, No):
            return None
        rates = self._answered(answer, request).rates
        found = self._choice.cheapest(rates, request.cost.currency)
        return None if found is None else found[1]

    def buy(self, request: ReturnLabelRequested) -> Answer:
        """Buy the label once; the same request is the same label, however often it is made.

        Raises:
            WorldProblem: ``label-in-doubt``, ``label-seller-unreachable`` or ``label-seller-refuses-us``; the same
                request is made again later.
        """
        found = self._look(request)
        answer = settled(found, request)
        if answer is None and claims(found):
            found = self._clear(claims(found), request)
            answer = settled(found, request)
        return self._begin(request) if answer is None else answer

    def document(self, issued: ReturnLabelIssued) -> bytes:
        """Return the label as a PDF.

        Raises:
            InputProblem: ``label-of-another-provider``.
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        found = self._shipment(issued)
        if not found.label_url:
            raise trouble.unreachable(SELLER, issued, "it has no PDF of the label yet")
        file = self._api.fetch(found.id, found.label_url)
        if isinstance(file, bytes):
            return file
        raise problem_of(file, issued)

    def void(self, issued: ReturnLabelIssued) -> bool:
        """Give the label back: True when the carrier took it back, False when it did not (used already, say).

        Raises:
            InputProblem: ``label-of-another-provider``.
            WorldProblem: ``label-in-doubt``, ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        if self._shipment(issued).is_canceled:
            return True
        answer = self._api.ask("POST", f"/v1/shipments/{issued.label_id}/cancel", Shipment)
        if isinstance(answer, Silence) and not answer.acted:
            raise problem_of(answer, issued)
        if self._shipment(issued).is_canceled:
            return True
        if isinstance(answer, No):
            return False
        raise trouble.in_doubt(SELLER, issued, reason_of(answer))

    def track(self, tracking_number: str) -> Status | None:
        """Return how far the parcel has come; Karrio asks the carriers by itself, some time ago.

        Raises:
            WorldProblem: ``label-seller-unreachable`` or ``label-seller-refuses-us``.
        """
        answer = self._api.ask("GET", f"/v1/trackers/{quote(tracking_number, safe='')}", Tracker)
        if isinstance(answer, Gone):
            return None
        where = f"parcel {tracking_number}"
        found = self._answered(answer, where)
        if found.tracking_number != tracking_number:
            raise trouble.unreachable(SELLER, where, "it answered with another parcel")
        return STATUSES.get(found.status or "", "unknown")

    # ------------------------------------------------------------------------ steps

    def _look(self, request: ReturnLabelRequested) -> list[Shipment]:
        """Return every shipment of this return, page after page."""
        reference = reference_of(request.return_id)
        found: list[Shipment] = []
        seen = 0
        for _ in range(_PAGES):
            words = {"reference": reference, "limit": _PAGE, "offset": seen}
            answer = self._api.ask("GET", f"/v1/shipments?{urlencode(words)}", Page)
            said = self._answered(answer, request)
            found += [one for one in said.results if one.reference == reference]
            seen += len(said.results)
            if said.next is None or not said.results:
                return found
        raise trouble.unreachable(
            SELLER, request, "it does not look at references: there is no end of shipments"
        )

    def _clear(self, drafts: list[Shipment], request: ReturnLabelRequested) -> list[Shipment]:
        """Cancel drafts that were left behind, and return what is there after that: no draft."""
        end = self._now() - _CLAIM_HOLDS
        if any(one.is_claimed_after(end) and one.claim not in self._idle for one in drafts):
            raise trouble.in_doubt(SELLER, request, "it may still be buying the label")
        for one in drafts:
            self._cancel(one)
        found = self._look(request)
        if claims(found):
            raise trouble.unreachable(SELLER, request, "a draft that was left behind cannot be canceled")
        self._idle.difference_update(one.claim for one in drafts)
        return found

    def _begin(self, request: ReturnLabelRequested) -> Answer:
        """Claim the parcel with a draft, and buy that if nobody else has claimed it."""
        body = self._parcel(request)
        if body is None:
            return refused(request, f"the customer's address in {request.country} is not known")
        claim = secrets.token_hex(16)
        try:
            known = self._claim(draft(body, request.return_id, claim=claim, now=self._now()), claim, request)
        except WorldProblem:
            self._idle.add(claim)
            raise
        return self._pay(known, request) if isinstance(known, Shipment) else known

    def _claim(self, body: dict[str, Any], claim: str, request: ReturnLabelRequested) -> Shipment | Answer:
        """Make a draft, and return it, or the answer if there is one after that."""
        made = self._api.ask("POST", "/v1/shipments", Shipment, body)
        if isinstance(made, No):
            return refused(request, made.reason)
        if isinstance(made, Gone) or (isinstance(made, Silence) and not made.acted):
            self._answered(made, request)
        found = self._look(request)
        ours = made.id if isinstance(made, Shipment) else None
        return settled(found, request) or self._claimed(found, claim, ours, request)

    def _claimed(
        self, found: list[Shipment], claim: str, made: str | None, request: ReturnLabelRequested
    ) -> Shipment:
        """Return the draft of this claim; whoever sees another one steps back."""
        ours = [one for one in claims(found) if one.claim == claim or one.id == made]
        if not ours:
            raise trouble.unreachable(SELLER, request, "the draft that it made cannot be found yet")
        if len(ours) < len(claims(found)):
            for one in ours:
                self._cancel(one)
            raise trouble.in_doubt(SELLER, request, "somebody else is buying the same label")
        return ours[0]

    def _pay(self, ours: Shipment, request: ReturnLabelRequested) -> Answer:
        """Buy the cheapest rate; whatever is answered, what Karrio has is what counts."""
        found = self._choice.cheapest(ours.rates or (), request.cost.currency)
        if found is None:
            self._cancel(ours)
            return self._without_rate(ours, request)
        body = {"selected_rate_id": found[0].id, "label_type": "PDF"}
        answer = self._api.ask("POST", f"/v1/shipments/{ours.id}/purchase", Shipment, body)
        if isinstance(answer, Silence) and not answer.acted:
            self._idle.add(ours.claim)
            self._cancel(ours)
            raise problem_of(answer, request)
        now = self._api.ask("GET", f"/v1/shipments/{ours.id}", Shipment)
        if not (isinstance(now, Shipment) and now.id == ours.id):
            raise trouble.in_doubt(SELLER, request, reason_of(answer))
        if now.is_bought:
            return label_of(now, request)
        if isinstance(answer, No) and not answer.late and now.is_draft:
            self._cancel(ours)
            return refused(request, answer.reason)
        raise trouble.in_doubt(SELLER, request, reason_of(answer))

    def _without_rate(self, ours: Shipment, request: ReturnLabelRequested) -> ReturnLabelRefused:
        said = ours.messages or ()
        if not all(one.is_certain for one in said):
            raise trouble.unreachable(SELLER, request, "a carrier could not be asked for its rates")
        words = "; ".join(one.words for one in said if one.words)
        return refused(request, f"no carrier has a rate for it{f' ({words})' if words else ''}")

    def _cancel(self, ours: Shipment) -> None:
        """Call a draft off, which is free; whether that worked is seen at the next look."""
        if SHIPMENT_ID.fullmatch(ours.id):
            self._api.ask("POST", f"/v1/shipments/{ours.id}/cancel", Shipment)

    def _parcel(self, request: ReturnLabelRequested) -> dict[str, Any] | None:
        customer = origin(request, self._sender_of(request.order_id), self._shop)
        if customer is None:
            return None
        return parcel(request, customer=customer, shop=self._shop, weight_g=self._weight_g)

    def _shipment(self, issued: ReturnLabelIssued) -> Shipment:
        if not SHIPMENT_ID.fullmatch(issued.label_id):
            raise trouble.not_ours(SELLER, issued)
        answer = self._api.ask("GET", f"/v1/shipments/{issued.label_id}", Shipment)
        if isinstance(answer, Gone):
            raise trouble.not_ours(SELLER, issued)
        found = self._answered(answer, issued)
        if found.id != issued.label_id or found.is_draft:
            raise trouble.unreachable(SELLER, issued, "it answered with another shipment")
        return found

    def _answered(self, answer: Found | Gone | No | Silence, where: trouble.Parcel | str) -> Found:
        if isinstance(answer, Silence):
            raise problem_of(answer, where)
        if isinstance(answer, Gone):
            why = "it answered with 404: this is not its API, or no connection to a carrier is active there"
            raise trouble.refuses_us(SELLER, where, why)
        if isinstance(answer, No):
            raise trouble.unreachable(SELLER, where, answer.reason)
        return answer


PROVIDER = KarrioLabels
