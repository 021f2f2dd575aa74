"""The shop's ordinary day: what people buy, when it is packed, what they are promised."""

from __future__ import annotations

from functools import cache

from streams.core.events import (
    OrderCanceled,
    OrderChanged,
    OrderedLine,
    Pieces,
    Shipping,
)
from streams.core.money import Money
from streams.simulate.course import ordinary
from streams.simulate.days import HOUR, MINUTE
from streams.simulate.dice import Dice
from streams.simulate.draft import Box, Change, Draft, Shop
from streams.simulate.goods import BY_SKU, CATALOGUE, ordered, pieces
from streams.simulate.lanes import EXPRESS_CARRIER, Lane, lane
from streams.simulate.people import Person

_LINES = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)
_QUANTITIES = (1, 1, 1, 1, 1, 1, 2, 2, 3)
_SLACK = (0, 1, 1, 2, 2)  # business days between an ordinary arrival and the promised day
_STATIONS = ("P1", "P2", "P3", "P4")
_CUT_OFF = 11 * HOUR  # what is paid by eleven may leave the same day
_SPLIT = 0.15  # share of orders of several lines that leave in two boxes
_WAITS_A_DAY = 0.25
_PICKED_UP_NEXT_DAY = 0.12
_SLOW_PAYMENT = 0.08
# Minor units: with an express parcel across a border (45) and a label (22) below the tightest standard
# budget for an order (120 GBP to 150 USD), whatever is lost.
_MODEST = 5_300
_PARTLY = 1 / 3  # share of cancellations that call off one line of several


def write_order(
    dice: Dice,
    shop: Shop,
    number: int,
    placed_at: int,
    person: Person,
    *,
    at_least: int = 1,
    modest: bool = False,
) -> Draft:
    """Return an order that goes well, of ``at_least`` so many pieces.

    A ``modest`` one can be made good within the standard policy's budget, so that no person is asked.
    """
    way = lane(shop.country, person.country, dice.below(2))
    lines = _basket(dice, shop.currency, at_least, _MODEST if modest else None)
    approved_at = placed_at + MINUTE + dice.below(20 * MINUTE)
    if dice.random() < _SLOW_PAYMENT:
        approved_at += dice.between(1, 10) * HOUR
    earliest = _earliest_day(shop, approved_at)
    draft = Draft(
        order_id=f"ORD-{number}",
        number=number,
        person=person,
        lane=way,
        shop=shop,
        placed_at=placed_at,
        lines=lines,
        shipping=_shipping(person, way, shop.currency),
        ship_by=shop.workdays.add(earliest, 2),
        promise=0,
        approved_at=approved_at,
    )
    ships = shop.workdays.next(earliest) if dice.random() < _WAITS_A_DAY else earliest
    _ship(draft, ships, dice)
    arrives = max(box.arrives for box in draft.boxes)
    draft.promise = way.workdays.add(arrives, dice.one(_SLACK))
    if dice.random() < 0.3:
        draft.promise_from = min(box.arrives for box in draft.boxes)
    return draft


def change_order(draft: Draft, dice: Dice) -> None:
    """Let the customer want it faster, or one piece more, before anything is packed.

    Both boxes of a split order keep what they had; the further piece travels in the first.
    """
    at = _before_fulfillment(draft, dice)
    if dice.happens(0.5):
        shipping = Shipping(method="express", paid=draft.shipping.paid, address=draft.shipping.address)
        draft.changes.append(Change(at, OrderChanged(order_id=draft.order_id, shipping=shipping)))
        return
    first, *rest = draft.lines
    more = ordered(first.sku, first.quantity + 1, 1, draft.shop.currency)
    draft.changes.append(Change(at, OrderChanged(order_id=draft.order_id, lines=(more, *rest))))
    box = draft.boxes[0]
    box.pieces = box.packed = (pieces(first.sku, first.quantity + 1), *box.pieces[1:])


def cancel_order(draft: Draft, dice: Dice) -> None:
    """Call off the order, or one line of several, before anything is packed."""
    at = _before_fulfillment(draft, dice)
    if len(draft.lines) > 1 and len(draft.boxes) == 1 and dice.random() < _PARTLY:
        gone = draft.boxes[0].pieces[-1]
        draft.changes.append(
            Change(at, OrderCanceled(order_id=draft.order_id, lines=(gone,), reason="customer_request"))
        )
        draft.boxes[0].pieces = draft.boxes[0].packed = draft.boxes[0].pieces[:-1]
        return
    draft.changes.append(Change(at, OrderCanceled(order_id=draft.order_id, reason="customer_request")))
    draft.boxes.clear()


def write_replacement(dice: Dice, original: Draft, missing: tuple[Pieces, ...], placed_at: int) -> Draft:
    """Return the order that makes ``missing`` good: express, on the road the same or the next business day."""
    shop, way = original.shop, original.lane
    order_id = f"{original.order_id}-R1"
    day = shop.zone.day(placed_at)
    if placed_at > shop.zone.at(day, 12 * HOUR):  # the express van comes at four
        day = shop.workdays.next(day)
    arrives = way.workdays.add(day, 2)
    draft = Draft(
        order_id=order_id,
        number=original.number,
        person=original.person,
        lane=way,
        shop=shop,
        placed_at=placed_at,
        lines=tuple(
            ordered(line.sku, line.quantity, n, shop.currency) for n, line in enumerate(missing, start=1)
        ),
        shipping=Shipping(
            method="express",
            paid=Money(minor=0, currency=shop.currency),
            address=original.person.address,
        ),
        ship_by=shop.workdays.next(day),
        promise=way.workdays.add(arrives, dice.below(2)),
        replaces=original.order_id,
    )
    begins = max(placed_at, shop.zone.at(day, 8 * HOUR + 30 * MINUTE))
    box = _box(draft, 9, missing, begins + dice.between(10, 25) * MINUTE, dice)
    box.carrier, box.service = EXPRESS_CARRIER[0], "express"
    box.tracking_number = _tracking(EXPRESS_CARRIER[1], draft, 9)
    box.picked_up, box.arrives = day, arrives
    box.scans = ordinary(draft, box, dice)
    draft.boxes.append(box)
    return draft


def _ship(draft: Draft, day: int, dice: Dice) -> None:
    workdays = draft.shop.workdays
    contents = [pieces(line.sku, line.quantity) for line in draft.lines]
    if len(contents) > 1 and dice.random() < _SPLIT:
        half = dice.between(1, len(contents) - 1)
        parts, days = [contents[:half], contents[half:]], [day, workdays.first(day + dice.below(2))]
    else:
        parts, days = [contents], [day]
    for index, (part, ships) in enumerate(zip(parts, days, strict=True)):
        fulfilled_at = draft.shop.zone.at(ships, _CUT_OFF + dice.between(5, 80) * MINUTE)
        box = _box(draft, index + 1, tuple(part), fulfilled_at, dice)
        box.picked_up = ships
        if ships < draft.ship_by and dice.random() < _PICKED_UP_NEXT_DAY:
            box.picked_up = workdays.next(ships)
        box.arrives = draft.lane.workdays.add(box.picked_up, dice.between(*draft.lane.transit))
        box.scans = ordinary(draft, box, dice)
        draft.boxes.append(box)


def _box(draft: Draft, index: int, part: tuple[Pieces, ...], fulfilled_at: int, dice: Dice) -> Box:
    packed_at = fulfilled_at + dice.between(15, 100) * MINUTE
    return Box(
        fulfillment_id=f"{draft.order_id}-F{index}",
        shipment_id=f"{draft.order_id}-S{index}",
        tracking_number=_tracking(draft.lane.code, draft, index),
        carrier=draft.lane.carrier,
        service=draft.lane.service,
        pieces=part,
        packed=part,
        fulfilled_at=fulfilled_at,
        packed_at=packed_at,
        labeled_at=packed_at + dice.between(3, 15) * MINUTE,
        picked_up=0,
        arrives=0,
        station=dice.one(_STATIONS),
    )


def _tracking(code: str, draft: Draft, index: int) -> str:
    return f"{code}{draft.number:010}{index}{draft.shop.country}"


def _basket(dice: Dice, currency: str, at_least: int, at_most: int | None) -> tuple[OrderedLine, ...]:
    while True:
        count = dice.one(_LINES)
        chosen: dict[str, int] = {}
        while len(chosen) < count or sum(chosen.values()) < at_least:
            chosen[dice.one(CATALOGUE).sku] = dice.one(_QUANTITIES)
        if at_most is None or sum(BY_SKU[sku].minor * many for sku, many in chosen.items()) <= at_most:
            return tuple(
                ordered(sku, many, n, currency) for n, (sku, many) in enumerate(chosen.items(), start=1)
            )


def _shipping(person: Person, way: Lane, currency: str) -> Shipping:
    return Shipping(method=way.service, paid=_paid(way.shipping_minor, currency), address=person.address)


@cache
def _paid(minor: int, currency: str) -> Money:
    return Money(minor=minor, currency=currency)


def _earliest_day(shop: Shop, approved_at: int) -> int:
    day = shop.zone.day(approved_at)
    opens = shop.workdays.first(day)
    if opens == day and approved_at > shop.zone.at(day, _CUT_OFF):
        return shop.workdays.next(day)
    return opens


def _before_fulfillment(draft: Draft, dice: Dice) -> int:
    """Return a moment between purchase and the first fulfillment."""
    first = min(box.fulfilled_at for box in draft.boxes)
    return draft.placed_at + MINUTE + int((first - draft.placed_at - 2 * MINUTE) * dice.random() * 0.8)
