"""More is in the box than was bought: ours to say, theirs to keep."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import DIFFERS, Detector, Topic
from streams.core.events import Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy


class OverShipment(Detector, frozen=True, kw_only=True):
    """A box holds pieces beyond its plan and lacks none."""

    kind: ClassVar[Kind] = "over_shipment"
    topic: ClassVar[Topic] = "contents"
    cured_by_arrival: ClassVar[bool] = False
    signs: ClassVar[int] = DIFFERS

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per box."""
        if not order.differences:
            return NOTHING
        if order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings = tuple(
            Finding(
                kind=self.kind,
                subject=box.shipment_id,
                since=box.packed_at,
                severity="minor",
                missing=box.missing,
                extra=box.extra,
                evidence=box.evidence,
            )
            for box in order.differences
            if box.extra and not box.missing
        )
        return findings, None


DETECTOR = OverShipment
