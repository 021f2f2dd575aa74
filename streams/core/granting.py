"""Asks the one place that answers for all orders: may this be spent, and may this be said?"""

from __future__ import annotations

from typing import Literal

from streams.core.draft import Draft, add_up
from streams.core.events import AllowanceRequested
from streams.core.ids import identify
from streams.core.money import Money
from streams.core.order import Allowance, Shipment, Trouble

# Money that goes back because it was paid for something that we did not do: no brake holds the mail that says so.
_OWED = frozenset({"shipping_refund"})


def allowance(
    draft: Draft,
    trouble: Trouble,
    purpose: Literal["remedies", "message"],
    key: str,
    costs: tuple[Money, ...],
    remedies: tuple[str, ...],
) -> Allowance:
    """Return what was answered for this trouble, and ask where nobody has asked yet.

    Of costs that have grown since then only the difference is asked for. A policy without limits across orders
    asks nobody.
    """
    if not draft.policy.asks:
        return Allowance("", status="granted")
    mine = [one for one in draft.case.allowances if one.about == key]
    if mine and mine[-1].is_open:
        return mine[-1]  # one question at a time, whatever has become dearer or cheaper since
    granted = [one for one in mine if one.status == "granted"]
    if granted:
        costs = _not_yet(costs, granted)
        if not costs:
            return granted[-1]
    sums = [f"{cost.minor}{cost.currency}" for cost in costs]
    approved = trouble.verdict == "approved" and not trouble.expired
    whose = "person" if approved else trouble.verdict
    allowance_id = identify("alw", draft.order.order_id, purpose, key, whose, *sums)
    known = next((one for one in draft.case.allowances if one.allowance_id == allowance_id), None)
    if known is not None:
        return known
    shipment = draft.order.parcel_of({trouble.subject})
    customer = draft.order.customer
    draft.decide(
        AllowanceRequested(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "allowance", allowance_id),
            case_id=draft.case.case_id,
            allowance_id=allowance_id,
            exception_id=trouble.exception_id,
            purpose=purpose,
            kind=trouble.kind,
            customer=identify("cus", customer.customer_id if customer is not None else draft.order.order_id),
            costs=costs,
            carrier=shipment.carrier if shipment is not None else None,
            station=_station(shipment),
            apology="apology" in remedies and purpose == "message",
            owed=not _OWED.isdisjoint(remedies) and bool(costs),
            approved=approved,
        )
    )
    case = draft.own_case()
    case.allowances = (*case.allowances, Allowance(allowance_id, key, costs=costs))
    return case.allowances[-1]


def last_asked(draft: Draft, key: str) -> Allowance | None:
    """Return what was asked last about this mail, or this round of a trouble; None when nothing was."""
    return next((one for one in reversed(draft.case.allowances) if one.about == key), None)


def _not_yet(costs: tuple[Money, ...], granted: list[Allowance]) -> tuple[Money, ...]:
    """Return what has not been granted of these costs."""
    had = {sum_.currency: sum_.minor for sum_ in add_up(tuple(cost for one in granted for cost in one.costs))}
    return tuple(
        Money(minor=cost.minor - had.get(cost.currency, 0), currency=cost.currency)
        for cost in costs
        if cost.minor > had.get(cost.currency, 0)
    )


def _station(shipment: Shipment | None) -> str | None:
    return shipment.packing.station if shipment is not None and shipment.packing is not None else None
