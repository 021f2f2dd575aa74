"""The shop said it would ship, and no carrier has the parcel."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import A_BOX, A_SCAN, UNDER_WAY, Detector, Topic
from streams.core.events import Evidence, Kind, Severity
from streams.core.finding import NOTHING, Finding, Look, earliest
from streams.core.order import Order, Shipment
from streams.core.policy import Policy
from streams.core.workdays import days


class NeverHandedOver(Detector, frozen=True, kw_only=True):
    """A label without a scan, or an order that nobody has shipped: our own house, before any carrier.

    Sees: ``label_workdays`` after the label without a scan; ``grace_workdays`` after the shop's own
    ship-by; without a ship-by, ``unshipped_workdays`` after the payment (or the order), but not before
    ``way_days`` are left to the promise.
    Turns major after ``major_workdays`` more: then the customer hears of it.
    False alarms: a carrier that scans only at its first hub; raise ``label_workdays`` for it.
    """

    kind: ClassVar[Kind] = "never_handed_over"
    topic: ClassVar[Topic] = "delay"
    signs: ClassVar[int] = UNDER_WAY
    unmoved_by: ClassVar[int] = A_SCAN | A_BOX

    label_workdays: int = 4
    grace_workdays: int = 1
    unshipped_workdays: int = 5
    major_workdays: int = 3
    way_days: int = 10

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding for the order, or per parcel when others of it are on their way."""
        if order.arrived_at is not None or order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        moving = False
        labelled: tuple[Shipment, ...] = ()
        for shipment in order.shipments:
            if shipment.handed_over_at is not None or shipment.delivered_at is not None:
                moving = True
            elif shipment.created_at is not None:
                labelled = (*labelled, shipment)
        if not moving:
            return self._order(order, labelled, now, policy)
        if not labelled:
            return NOTHING
        findings: tuple[Finding, ...] = ()
        wake = None
        for shipment in labelled:
            assert shipment.created_at is not None
            due = policy.calendars.later(shipment.created_at, self.label_workdays, order.lane, order.offset)
            found, again = self._look(order, shipment.shipment_id, due, now, policy, shipment.created_event)
            findings += found
            wake = earliest(wake, again)
        return findings, wake

    def _order(self, order: Order, labelled: tuple[Shipment, ...], now: datetime, policy: Policy) -> Look:
        later = policy.calendars.later
        if order.ship_by is not None:
            due = later(order.ship_by, self.grace_workdays, order.lane, order.offset)
            event_id = order.ship_by_event
        else:
            start = order.approved_at or order.placed_at
            assert start is not None
            due = later(start, self.unshipped_workdays, order.lane, order.offset)
            if order.promise is not None:  # made to order: a late promise allows a late start
                start = order.promise.ends_at - days(self.way_days)
                due = max(due, start)
            event_id = order.approved_event or order.placed_event
        for shipment in labelled:
            assert shipment.created_at is not None
            if shipment.created_at + days(self.label_workdays) >= due:
                continue  # business days are no fewer than days: without asking the calendar
            label_due = later(shipment.created_at, self.label_workdays, order.lane, order.offset)
            if label_due < due:
                due, event_id = label_due, shipment.created_event
        return self._look(order, "order", due, now, policy, event_id)

    def _look(
        self, order: Order, subject: str, due: datetime, now: datetime, policy: Policy, event_id: str
    ) -> Look:
        if now < due:
            return (), due
        major = policy.calendars.later(due, self.major_workdays, order.lane, order.offset)
        severity: Severity = "major" if now >= major else "minor"
        finding = Finding(
            kind=self.kind,
            subject=subject,
            since=due,
            severity=severity,
            evidence=(
                Evidence(event_id=event_id, reads=f"no carrier has it; it was due by {due.isoformat()}"),
            ),
        )
        return (finding,), None if severity == "major" else major


DETECTOR = NeverHandedOver
