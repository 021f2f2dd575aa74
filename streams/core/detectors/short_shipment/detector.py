"""Something that was bought is not in any box."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import DIFFERS, REPORTED, Detector, Topic
from streams.core.events import Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy
from streams.core.reports import reported


class ShortShipment(Detector, frozen=True, kw_only=True):
    """A box lacks planned pieces and holds nothing instead; no other box of the order has them."""

    kind: ClassVar[Kind] = "short_shipment"
    topic: ClassVar[Topic] = "contents"
    cured_by_arrival: ClassVar[bool] = False
    signs: ClassVar[int] = DIFFERS | REPORTED

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per box."""
        if not order.differences and not order.reports:
            return NOTHING
        if order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings = tuple(
            Finding(
                kind=self.kind,
                subject=box.shipment_id,
                since=box.packed_at,
                severity="major",
                missing=box.missing,
                extra=box.extra,
                evidence=box.evidence,
            )
            for box in order.differences
            if box.missing and not box.extra
        )
        return findings + reported(order, self.kind, "missing_item", "the customer says so"), None


DETECTOR = ShortShipment
