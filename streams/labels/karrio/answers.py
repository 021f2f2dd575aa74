"""What a return's shipments in Karrio come to: a label, a no, or nothing yet."""

from __future__ import annotations

import re
from typing import Final

from streams.core.events import ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested
from streams.labels import trouble
from streams.labels.karrio.api import Gone, No, Silence
from streams.labels.karrio.shipment import Shipment
from streams.problems import WorldProblem

SELLER: Final = "Karrio"
SHIPMENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_LONGEST: Final = 500  # characters of a reason

Answer = ReturnLabelIssued | ReturnLabelRefused


def claims(found: list[Shipment]) -> list[Shipment]:
    """Return the drafts that we made; one that a person made by hand is none of our claims."""
    return [one for one in found if one.is_draft and one.claim is not None]


def settled(found: list[Shipment], request: ReturnLabelRequested) -> Answer | None:
    """Return the answer that was given once; None while nothing was ever bought."""
    bought = [one for one in found if one.is_bought]
    if bought:
        return label_of(min(bought, key=lambda one: one.id), request)
    if any(one.is_canceled and one.had_label for one in found):
        return refused(request, "its label was given back")
    return None


def label_of(found: Shipment, request: ReturnLabelRequested) -> ReturnLabelIssued:
    """Return a label that was sold, at the price that was paid; at the one that was decided, where Karrio says none.

    Raises:
        WorldProblem: ``label-in-doubt``: Karrio says that it sold it, and not what its number is.
    """
    if not found.tracking_number or not SHIPMENT_ID.fullmatch(found.id):
        raise trouble.in_doubt(SELLER, request, "it sold a label and does not say its tracking number")
    rate = found.selected_rate
    cost = None if rate is None else rate.cost
    return ReturnLabelIssued(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id=found.id,
        carrier=(rate.carrier if rate is not None else "") or found.carrier_name or SELLER,
        tracking_number=found.tracking_number,
        cost=request.cost if cost is None else cost,
    )


def refused(request: ReturnLabelRequested, reason: str) -> ReturnLabelRefused:
    """Return a no, with its reason."""
    return ReturnLabelRefused(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        reason=reason[:_LONGEST],
    )


def problem_of(silence: Silence, where: trouble.Parcel | str) -> WorldProblem:
    """Return the problem of a server that gives no answer, or takes no requests from us."""
    if silence.passes:
        return trouble.unreachable(SELLER, where, silence.why)
    return trouble.refuses_us(SELLER, where, silence.why)


def reason_of(answer: Shipment | Gone | No | Silence) -> str:
    """Return why an answer is none, for the person who reads of it."""
    match answer:
        case Silence():
            return answer.why
        case No():
            return answer.reason
        case _:
            return "its answer does not say so"
