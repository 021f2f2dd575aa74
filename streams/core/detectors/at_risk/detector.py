"""The promise still stands, but it cannot be kept any more, or hardly."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from streams.core.detector import A_BOX, A_SCAN, UNDER_WAY, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy
from streams.core.workdays import days


class AtRisk(Detector, frozen=True, kw_only=True):
    """Say so first: the customer hears of the delay before the day that was promised.

    Sees: nothing was handed to a carrier ``lead_days`` before the promise ends (1: when the promised day
    begins; four of five such orders come late), or the carrier's own date lies behind the promise by more than ``margin_hours``.
    Ends with the promise: from then on it is ``late_delivery``.
    """

    kind: ClassVar[Kind] = "at_risk"
    topic: ClassVar[Topic] = "delay"
    signs: ClassVar[int] = UNDER_WAY
    unmoved_by: ClassVar[int] = A_SCAN | A_BOX

    lead_days: int = 1
    margin_hours: int = 0

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return one finding for the order while its promise can hardly be kept."""
        promise = order.promise
        if promise is None or order.placed_at is None or order.canceled_at is not None:
            return NOTHING
        if order.arrived_at is not None or order.awaits_pickup or now >= promise.ends_at:
            return NOTHING
        moving = False
        for shipment in order.shipments:
            if shipment.handed_over_at is not None:
                moving = True
            estimate = shipment.estimate
            if estimate is None or shipment.delivered_at is not None:
                continue
            if estimate - promise.ends_at > timedelta(hours=self.margin_hours):
                reads = f"the carrier expects {estimate.isoformat()}, promised by {promise.by.isoformat()}"
                return self._found(promise.ends_at, shipment.estimate_event, reads, promise.ends_at)
        if moving:
            return NOTHING
        since = promise.ends_at - days(self.lead_days)
        if since < order.placed_at:  # promised for today: half of the time must be gone before we doubt it
            since = order.placed_at + (promise.ends_at - order.placed_at) / 2
        if now < since:
            return (), since
        reads = f"promised by {promise.by.isoformat()} and not with a carrier yet"
        return self._found(promise.ends_at, promise.event_id, reads, since)

    def _found(self, ends_at: datetime, event_id: str, reads: str, since: datetime) -> Look:
        finding = Finding(
            kind=self.kind,
            subject="order",
            since=since,
            severity="minor",
            evidence=(Evidence(event_id=event_id, reads=reads),),
        )
        return (finding,), ends_at


DETECTOR = AtRisk
