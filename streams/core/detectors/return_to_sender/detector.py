"""The parcel is on its way back to us instead of on its way to the customer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import RETURNING, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy


class ReturnToSender(Detector, frozen=True, kw_only=True):
    """The carrier's later ``delivered`` scan is the arrival at our dock, and changes nothing.

    Minor when the customer refused the parcel (their wish: a person asks), major otherwise.
    """

    kind: ClassVar[Kind] = "return_to_sender"
    topic: ClassVar[Topic] = "loss"
    signs: ClassVar[int] = RETURNING

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per returning parcel."""
        if order.arrived_at is not None or order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings: tuple[Finding, ...] = ()
        for shipment in order.shipments:
            scan = shipment.returning
            if scan is None:
                continue
            finding = Finding(
                kind=self.kind,
                subject=shipment.shipment_id,
                since=scan.occurred_at,
                severity="minor" if scan.reason == "refused" or scan.responsible == "customer" else "major",
                missing=order.expected_in(shipment) or (),
                evidence=(Evidence(event_id=scan.event_id, reads="the carrier is returning it to us"),),
            )
            findings = (*findings, finding)
        return findings, None


DETECTOR = ReturnToSender
