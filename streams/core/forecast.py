"""What we now believe about arrival: always a range, never one hopeful date.

A forecast never touches a promise. It becomes one only when a mail that names it has been accepted.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from streams.core.events import DateRange
from streams.core.order import Order, Shipment
from streams.core.policy import Policy, Span
from streams.core.zones import local_day

_INSTANT = timedelta(microseconds=1)  # a named day is kept as the first instant behind it


def forecast(order: Order, now: datetime, policy: Policy) -> DateRange:
    """Return the range in which the last parcel of the order should arrive, in the customer's days."""
    today = local_day(now, order.zone)
    open_parcels = [shipment for shipment in order.shipments if shipment.delivered_at is None]
    if not open_parcels:
        return _range(order, today, policy.forecast.not_handed_over, policy)
    stalled = _stalled(order)
    ranges = [_of_parcel(order, shipment, today, policy, stalled) for shipment in open_parcels]
    return DateRange(from_=max(r.from_ for r in ranges), by=max(r.by for r in ranges))


def replacement_forecast(order: Order, now: datetime, policy: Policy) -> DateRange:
    """Return the range in which an expedited replacement that leaves now should arrive."""
    return _range(order, local_day(now, order.zone), policy.forecast.replacement, policy)


def way_left(order: Order, policy: Policy) -> tuple[int, date]:
    """Return the fewest business days that the slowest parcel still needs, and the latest day that a carrier named.

    By facts alone: detectors leave aside which exceptions are open, or two looks at one moment would see
    two things.
    """
    workdays, named = 0, date.min
    for shipment in order.shipments:
        if shipment.delivered_at is None:
            workdays = max(workdays, _span(shipment, policy, frozenset()).from_)
            if shipment.estimate is not None:
                named = max(named, _estimated(order, shipment.estimate))
    if all(shipment.delivered_at is not None for shipment in order.shipments):
        workdays = policy.forecast.not_handed_over.from_
    return workdays + (policy.forecast.international.from_ if order.international else 0), named


def _of_parcel(
    order: Order, shipment: Shipment, today: date, policy: Policy, stalled: frozenset[str]
) -> DateRange:
    honest = _range(order, today, _span(shipment, policy, stalled), policy)
    if shipment.estimate is None:
        return honest
    estimate = _estimated(order, shipment.estimate)
    if estimate <= honest.from_:
        return honest
    by = policy.calendars.day_after(estimate, policy.forecast.estimate_margin, order.lane)
    return DateRange(from_=estimate, by=max(by, honest.by))


def _span(shipment: Shipment, policy: Policy, stalled: frozenset[str]) -> Span:
    """Return how many days a parcel still needs, by how far it has come."""
    spans = policy.forecast
    if shipment.handed_over_at is None:
        return spans.not_handed_over
    if shipment.status == "out_for_delivery":
        return spans.out_for_delivery
    if shipment.status == "attempt_failed":
        return spans.attempt_failed
    return spans.stalled if shipment.shipment_id in stalled else spans.in_transit


def _estimated(order: Order, estimate: datetime) -> date:
    return local_day(estimate - _INSTANT, order.zone)


def _stalled(order: Order) -> frozenset[str]:
    troubles = order.case.troubles if order.case is not None else ()
    return frozenset(t.subject for t in troubles if t.kind == "stalled_in_transit" and t.cleared_at is None)


def _range(order: Order, today: date, span: Span, policy: Policy) -> DateRange:
    more = policy.forecast.international if order.international else Span(from_=0, by=0)
    days = policy.calendars
    return DateRange(
        from_=days.day_after(today, span.from_ + more.from_, order.lane),
        by=days.day_after(today, span.by + more.by, order.lane),
    )
