"""Tells drafts to the stream: encodes every fact as a CloudEvent and lets it arrive untidily."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.core.events import (
    CheckpointReached,
    FulfillmentCreated,
    OrderPlaced,
    PaymentApproved,
    PromiseWindow,
    ReturnCheckpoint,
    ShipmentCreated,
    ShipmentPacked,
)
from streams.simulate.arrivals import Arrivals
from streams.simulate.days import HOUR, MINUTE, iso, utc
from streams.simulate.dice import Dice
from streams.simulate.draft import Box, Draft, Scan
from streams.simulate.goods import weigh
from streams.simulate.lanes import CARRIERS
from streams.simulate.plan import Plan

LONGEST = 6 * HOUR - 15 * MINUTE  # from happening to arriving: disorder stays below six hours
LONGEST_FOR_ORDERS = 2 * HOUR - 10 * MINUTE  # the shop's own system is never far behind
LONGEST_AT_THE_DOOR = 2 * HOUR - 10 * MINUTE  # a delivery is known within two hours
_PROMPT = 90  # seconds on the way when nothing is in it
_AT_THE_DOOR = frozenset(("delivered", "attempt_failed"))
_SOURCES = {carrier: f"carrier/{code.lower()}" for carrier, code in CARRIERS.items()}


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvent 1.0 in structured JSON, as written."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    data: msgspec.Struct


class Teller:
    """Writes one world's events; their identities number them within seed and first order."""

    __slots__ = ("_arrivals", "_dice", "_encode", "_noise", "_prefix", "_scale", "_scale_g", "_told")

    def __init__(self, plan: Plan, dice: Dice, arrivals: Arrivals) -> None:
        self._dice = dice
        self._noise = plan.noise
        self._arrivals = arrivals
        self._encode = msgspec.json.Encoder().encode
        self._prefix = f"{plan.seed:x}-{plan.first_order:x}-"
        self._told = 0
        self._scale = Dice(plan.seed + 1)  # chance of its own: a world with noisy scales is the same world
        self._scale_g = plan.scale_g

    def tell(self, draft: Draft, *, tidy: bool) -> None:
        """Tell a whole order; a ``tidy`` one gets no scans that the plot does not know."""
        self._tell_purchase(draft)
        for change in draft.changes:  # known before packing: else the box would differ from what was bought
            room = min((box.fulfilled_at - change.at for box in draft.boxes), default=LONGEST_FOR_ORDERS)
            longest = min(LONGEST_FOR_ORDERS, room)
            self._send(change.at, draft.shop.source, draft.order_id, change.fact, longest)
        for box in draft.boxes:
            self._tell_packing(draft, box)
            for scan in box.scans:
                self._tell_scan(box.tracking_number, box.carrier, scan)
                if (
                    not tidy
                    and scan.status == "in_transit"
                    and self._dice.random() < self._noise.unknown_scan
                ):
                    again = scan.at + self._dice.between(5, 25) * MINUTE
                    self._tell_scan(
                        box.tracking_number, box.carrier, Scan(again, "unknown", None, "Status update")
                    )

    def tell_stranger(self, at: int, number: int) -> None:
        """Scan a parcel whose tracking number no order of ours knows."""
        if self._dice.random() < self._noise.stranger:
            scan = Scan(at, "in_transit", "Edison, NJ, US", "Arrived at facility")
            self._tell_scan(f"PP{number:010}0ZZ", "Pelican Parcel", scan)

    def tell_return(self, draft: Draft, at: int, fact: ReturnCheckpoint) -> None:
        """Tell where a return parcel is."""
        self._send(at, draft.shop.source, draft.order_id, fact, LONGEST)

    def _tell_purchase(self, draft: Draft) -> None:
        began = draft.promise_from
        promise = PromiseWindow(by=iso(draft.promise), from_=None if began is None else iso(began))
        placed = OrderPlaced(
            order_id=draft.order_id,
            customer=draft.person.customer,
            lines=draft.lines,
            shipping=draft.shipping,
            promise=promise,
            ship_by=iso(draft.ship_by) if draft.approved_at is None else None,
            replaces=draft.replaces,
        )
        source = draft.shop.source
        self._send(draft.placed_at, source, draft.order_id, placed, LONGEST_FOR_ORDERS)
        if draft.approved_at is not None:
            approved = PaymentApproved(order_id=draft.order_id, ship_by=iso(draft.ship_by))
            self._send(draft.approved_at, source, draft.order_id, approved, LONGEST_FOR_ORDERS)

    def _tell_packing(self, draft: Draft, box: Box) -> None:
        order_id, source = draft.order_id, draft.shop.warehouse
        fulfilled = FulfillmentCreated(
            order_id=order_id,
            fulfillment_id=box.fulfillment_id,
            shipment_id=box.shipment_id,
            lines=box.pieces,
        )
        self._send(box.fulfilled_at, source, order_id, fulfilled, LONGEST, box.told_delay)
        packed = ShipmentPacked(
            order_id=order_id,
            shipment_id=box.shipment_id,
            lines=box.packed,
            weight_g=self._weigh(box),
            station=box.station,
        )
        self._send(box.packed_at, source, order_id, packed, LONGEST, box.told_delay)
        labeled = ShipmentCreated(
            order_id=order_id,
            shipment_id=box.shipment_id,
            carrier=box.carrier,
            tracking_number=box.tracking_number,
            service=box.service,
        )
        late = None
        if self._dice.random() < self._noise.early_scan:
            late = self._dice.between(HOUR, 5 * HOUR)  # the label's first scan comes within half an hour
        self._send(box.labeled_at, source, order_id, labeled, LONGEST, late)

    def _weigh(self, box: Box) -> float:
        grams = weigh(box.packed if box.holds is None else box.holds)
        return grams if not self._scale_g else max(0.0, round(grams + self._scale.about(self._scale_g), 1))

    def _tell_scan(self, tracking_number: str, carrier: str, scan: Scan) -> None:
        estimate = scan.estimate
        fact = CheckpointReached(
            status=scan.status,
            tracking_number=tracking_number,
            carrier=carrier,
            reason=scan.reason,
            responsible=scan.responsible,
            description=scan.description,
            location=scan.place,
            estimated_delivery=None if estimate is None else iso(estimate),
        )
        longest = LONGEST_AT_THE_DOOR if scan.status in _AT_THE_DOOR else LONGEST
        self._send(scan.at, _SOURCES[carrier], tracking_number, fact, longest, scan.delay)

    def _send(
        self,
        at: int,
        source: str,
        subject: str,
        fact: msgspec.Struct,
        longest: int,
        delay: int | None = None,
    ) -> None:
        """Let a fact arrive ``delay`` seconds after it happened, or as late as the noise will have it."""
        chance = self._dice.random
        if delay is None:
            if chance() < self._noise.delayed:
                delay = _PROMPT + int(chance() * (longest - _PROMPT))
            else:
                delay = 1 + int(chance() * _PROMPT)
        self._told += 1
        line = self._encode(
            Envelope(
                "1.0",
                f"{self._prefix}{self._told:x}",
                source,
                fact.TYPE,  # type: ignore[attr-defined] # every fact names its wire type
                subject,
                utc(at),
                "application/json",
                fact,
            )
        )
        self._arrivals.add(at + delay, line)
        if chance() < self._noise.duplicate:
            self._arrivals.add(at + delay + int(chance() * (LONGEST - delay)), line)
