"""Somebody stood at the door with the parcel, and it did not change hands."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import ATTEMPT_FAILED, Detector, Topic
from streams.core.events import Evidence, Kind, Severity
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy


class DeliveryFailed(Detector, frozen=True, kw_only=True):
    """True while the last word on a parcel is a failed attempt; the next scan of any kind ends it.

    From ``major_attempts`` on it is major: the address or the lane needs somebody's eye.
    """

    kind: ClassVar[Kind] = "delivery_failed"
    topic: ClassVar[Topic] = "attempt"
    signs: ClassVar[int] = ATTEMPT_FAILED

    major_attempts: int = 3

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per parcel whose last scan is a failed attempt."""
        if order.arrived_at is not None or order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings: tuple[Finding, ...] = ()
        for shipment in order.shipments:
            if shipment.status != "attempt_failed":
                continue
            attempts = [scan for scan in shipment.checkpoints if scan.status == "attempt_failed"]
            severity: Severity = "major" if len(attempts) >= self.major_attempts else "minor"
            finding = Finding(
                kind=self.kind,
                subject=shipment.shipment_id,
                since=attempts[0].occurred_at,
                severity=severity,
                evidence=(Evidence(event_id=attempts[-1].event_id, reads="a delivery attempt failed"),),
            )
            findings = (*findings, finding)
        return findings, None


DETECTOR = DeliveryFailed
