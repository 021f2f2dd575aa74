"""A parcel that used to speak has fallen silent."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import A_BOX, UNDER_WAY, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy


class StalledInTransit(Detector, frozen=True, kw_only=True):
    """Silence counts in business days of the lane and ends with the next scan.

    Sees: parcels with a tracking number that a carrier has scanned at least once. A parcel without one
    is never stalled: its silence means nothing. Weekends and holidays at either end do not count.
    Start values: 3 business days domestic, 5 international (field survey of shipping alerts).
    """

    kind: ClassVar[Kind] = "stalled_in_transit"
    topic: ClassVar[Topic] = "delay"
    signs: ClassVar[int] = UNDER_WAY
    unmoved_by: ClassVar[int] = A_BOX

    domestic_workdays: int = 3
    international_workdays: int = 5

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per silent parcel."""
        if order.arrived_at is not None or order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings: tuple[Finding, ...] = ()
        wake = None
        for shipment in order.shipments:
            if shipment.tracking_number is None or shipment.last_scan_at is None or shipment.at_rest:
                continue
            here, there = order.lane
            workdays = self.domestic_workdays if here == there else self.international_workdays
            since = policy.calendars.later(shipment.last_scan_at, workdays, order.lane, order.offset)
            if now < since:
                wake = since if wake is None or since < wake else wake
                continue
            last = shipment.checkpoints[-1]
            finding = Finding(
                kind=self.kind,
                subject=shipment.shipment_id,
                since=since,
                severity="minor",
                evidence=(
                    Evidence(
                        event_id=last.event_id,
                        reads=f"no scan for {workdays} business days after {shipment.last_scan_at.isoformat()}",
                    ),
                ),
            )
            findings = (*findings, finding)
        return findings, wake


DETECTOR = StalledInTransit
