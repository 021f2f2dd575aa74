"""What was bought, by whom, and what was promised."""

from __future__ import annotations

from copy import copy
from datetime import UTC, date, datetime
from functools import lru_cache

from msgspec.structs import replace

from streams.core import events as facts
from streams.core.events import Event, PromiseWindow, parse_day_or_instant
from streams.core.evolve.arrival import arrive
from streams.core.evolve.parcels import settle
from streams.core.order import Order, Promise, Shipment, Stamp, pieces
from streams.core.policy import Policy
from streams.core.workdays import Lane
from streams.core.zones import day_ends, local_day, offset_at, zone_or


def placed(order: Order, event: Event, fact: facts.OrderPlaced, policy: Policy) -> None:
    """Take the order as it was placed."""
    order.placed_at = event.occurred_at
    order.placed_event = event.id
    order.replaces = fact.replaces
    # Said in the same moment, a change is news to the order, not the other way round.
    _describe(order, fact.customer, fact.lines, fact.shipping, (event.occurred_at, ""))
    _localize(order, policy)
    if fact.promise is not None and (order.promise is None or order.promise.told_by == "shop"):
        order.promise = _promise(fact.promise, event, order.zone)
    if fact.ship_by is not None and order.ship_by_as_of is None:
        _ship_by(order, fact.ship_by, event.id)
    arrive(order)


def changed(order: Order, event: Event, fact: facts.OrderChanged, policy: Policy) -> None:
    """Take whole new values for what is said."""
    _describe(order, fact.customer, fact.lines, fact.shipping, (event.occurred_at, event.id))
    _localize(order, policy)
    arrive(order)


def canceled(order: Order, event: Event, fact: facts.OrderCanceled, _policy: Policy) -> None:
    """Strike out lines, or all of them."""
    if fact.lines is None:
        order.called_off_at = event.occurred_at
    else:
        order.canceled = pieces((*order.canceled, *fact.lines))
    arrive(order)


def approved(order: Order, event: Event, fact: facts.PaymentApproved, _policy: Policy) -> None:
    """Note the payment, and by when the shop will ship."""
    stamp = (event.occurred_at, event.id)
    if order.approved_at is None or (order.approved_at, order.approved_event) <= stamp:
        order.approved_at, order.approved_event = stamp
    if fact.ship_by is not None and (order.ship_by_as_of is None or order.ship_by_as_of <= stamp):
        _ship_by(order, fact.ship_by, event.id)
        order.ship_by_as_of = stamp


def promise_revised(order: Order, event: Event, fact: facts.PromiseRevised, _policy: Policy) -> None:
    """Take staff's word for the shop's, if the customer was told."""
    known = order.promise
    if not fact.told_customer:
        return
    stamp = (event.occurred_at, event.id)
    if known is not None and known.told_by == "staff" and (known.told_at or stamp[0], known.event_id) > stamp:
        return
    order.promise = _promise(fact.promise, event, order.zone, staff=True)
    order.word = None


@lru_cache(maxsize=16384)  # the same few days are named again and again
def deadline(text: str, zone: str) -> tuple[datetime, date | None]:
    """Return the instant that a text names, and the day when it names a day."""
    moment = parse_day_or_instant(text)
    if isinstance(moment, datetime):
        return moment.astimezone(UTC), None
    return day_ends(moment, zone), moment


def _describe(
    order: Order,
    customer: facts.Customer | None,
    lines: tuple[facts.OrderedLine, ...] | None,
    shipping: facts.Shipping | None,
    stamp: Stamp,
) -> None:
    """Take each part that is said here and was not said later."""
    if customer is not None and (order.customer_as_of is None or order.customer_as_of <= stamp):
        order.customer, order.customer_as_of = customer, stamp
    if lines is not None and (order.lines_as_of is None or order.lines_as_of <= stamp):
        order.lines, order.lines_as_of = lines, stamp
    if shipping is not None and (order.shipping_as_of is None or order.shipping_as_of <= stamp):
        order.shipping_paid, order.address, order.shipping_as_of = shipping.paid, shipping.address, stamp


def _ship_by(order: Order, text: str, event_id: str) -> None:
    order.ship_by, order.ship_by_day = deadline(text, order.zone)
    order.ship_by_event = event_id


def _promise(window: PromiseWindow, event: Event, zone: str, *, staff: bool = False) -> Promise:
    ends_at, day = deadline(window.by, zone)
    return Promise(
        by=day or local_day(ends_at, zone),
        ends_at=ends_at,
        event_id=event.id,
        told_by="staff" if staff else "shop",
        exact=day is None,
        told_at=event.occurred_at,
    )


# ---------------------------------------------------------------------------- where the customer lives


def _localize(order: Order, policy: Policy) -> None:
    customer, address, shop = order.customer, order.address, policy.shop
    country = (customer.country if customer else None) or (address.country if address else None)
    order.lane = _lane(shop.country, country or "")
    before, order.zone = order.zone, zone_or(customer.time_zone if customer else None, shop.time_zone)
    if order.placed_at is not None:
        order.offset = offset_at(order.placed_at, order.zone)
    if order.zone != before:
        _move_days(order)


@lru_cache(maxsize=4096)
def _lane(shop_country: str, country: str) -> Lane:
    """Return from where to where; one object for all orders of a lane. Who names no country lives in the shop's."""
    there = country.upper()
    return (shop_country, there if len(there) == 2 and there.isalpha() else shop_country)


def _move_days(order: Order) -> None:
    """Read the days that were named before we knew the customer's zone, or that it moved, in that zone."""
    promise, zone = order.promise, order.zone
    if promise is not None and promise.exact:
        order.promise = replace(promise, by=local_day(promise.ends_at, zone))
    elif promise is not None:
        order.promise = replace(promise, ends_at=day_ends(promise.by, zone))
    if order.ship_by_day is not None:
        order.ship_by = day_ends(order.ship_by_day, zone)
    if order.shipments:
        order.shipments = tuple(_moved(shipment, zone) for shipment in order.shipments)


def _moved(shipment: Shipment, zone: str) -> Shipment:
    """Return a parcel whose carrier named days, with those days in another zone; any other as it is."""
    if all(scan.estimate_day is None for scan in shipment.checkpoints):
        return shipment
    mine = copy(shipment)
    mine.checkpoints = tuple(
        replace(scan, estimate=day_ends(scan.estimate_day, zone)) if scan.estimate_day else scan
        for scan in shipment.checkpoints
    )
    settle(mine)
    return mine
