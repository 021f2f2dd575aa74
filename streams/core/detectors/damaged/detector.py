"""What was in the parcel is broken: the carrier says so, or the customer."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import DAMAGED, REPORTED, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy
from streams.core.reports import reported


class Damaged(Detector, frozen=True, kw_only=True):
    """Damage does not heal on the way: arrival does not end it, a delivered replacement does."""

    kind: ClassVar[Kind] = "damaged"
    topic: ClassVar[Topic] = "loss"
    cured_by_arrival: ClassVar[bool] = False
    signs: ClassVar[int] = DAMAGED | REPORTED

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per damaged parcel, or one for the order by the customer's word."""
        if order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings: tuple[Finding, ...] = ()
        for shipment in order.shipments:
            scan = shipment.damaged
            if scan is None or order.made_good(shipment.shipment_id) is not None:
                continue
            finding = Finding(
                kind=self.kind,
                subject=shipment.shipment_id,
                since=scan.occurred_at,
                severity="major",
                missing=order.expected_in(shipment) or (),
                evidence=(Evidence(event_id=scan.event_id, reads="the carrier reports damage"),),
            )
            findings = (*findings, finding)
        return findings + reported(order, self.kind, "damaged", "the customer reports damage"), None


DETECTOR = Damaged
