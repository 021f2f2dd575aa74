"""The carrier says so, or the silence has lasted too long: the parcel is not coming."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import A_BOX, REPORTED, UNDER_WAY, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order, Shipment
from streams.core.policy import Policy
from streams.core.workdays import days

_FRESH = days(1)


class Lost(Detector, frozen=True, kw_only=True):
    """A lost parcel is replaced; if it turns up after all, the next scan ends the exception.

    Sees: a scan with the reason ``lost``; ``domestic_workdays`` / ``international_workdays`` of silence
    on a tracked parcel (the windows of parcel protection in the field: 7 and 20); for a parcel without a
    tracking number ``untracked_days`` after the promise. A parcel that waits for pickup is not lost.
    """

    kind: ClassVar[Kind] = "lost"
    topic: ClassVar[Topic] = "loss"
    signs: ClassVar[int] = UNDER_WAY | REPORTED
    unmoved_by: ClassVar[int] = A_BOX

    domestic_workdays: int = 7
    international_workdays: int = 20
    untracked_days: int = 30

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per lost parcel."""
        if order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        if order.arrived_at is not None:
            return self._not_received(order)
        findings: tuple[Finding, ...] = ()
        wake = None
        for shipment in order.shipments:
            if shipment.handed_over_at is None or shipment.at_rest:
                continue
            if shipment.lost is not None:
                evidence = Evidence(event_id=shipment.lost.event_id, reads="the carrier calls it lost")
                findings = (*findings, self._finding(order, shipment, shipment.lost.occurred_at, evidence))
                continue
            since = self._presumed(order, shipment, now, policy)
            if since is None:
                continue
            if now < since:
                wake = since if wake is None or since < wake else wake
                continue
            last = shipment.checkpoints[-1]
            evidence = Evidence(event_id=last.event_id, reads=f"silent since {last.occurred_at.isoformat()}")
            findings = (*findings, self._finding(order, shipment, since, evidence))
        return findings, wake

    def _presumed(self, order: Order, shipment: Shipment, now: datetime, policy: Policy) -> datetime | None:
        """Return since when a parcel is given up, or before when it will not be."""
        last = shipment.last_scan_at
        if shipment.tracking_number is not None and last is not None:
            here, there = order.lane
            workdays = self.domestic_workdays if here == there else self.international_workdays
            if (
                now < last + _FRESH
            ):  # business days are no fewer than days: the calendar is asked when it is silent
                return last + days(workdays)
            return policy.calendars.later(last, workdays, order.lane, order.offset)
        start = shipment.handed_over_at
        if start is None or shipment.tracking_number is not None:
            return None
        if order.promise is not None:
            start = max(start, order.promise.ends_at)
        return start + days(self.untracked_days)

    def _finding(self, order: Order, shipment: Shipment, since: datetime, evidence: Evidence) -> Finding:
        return Finding(
            kind=self.kind,
            subject=shipment.shipment_id,
            since=since,
            severity="major",
            missing=order.expected_in(shipment) or (),
            evidence=(evidence,),
        )

    def _not_received(self, order: Order) -> Look:
        """A customer who does not have what the carrier calls delivered is believed, and a person looks."""
        for report in order.reports:
            if report.kind == "not_received":
                finding = Finding(
                    kind=self.kind,
                    subject="order",
                    since=report.reported_at,
                    severity="minor",
                    missing=report.lines,
                    evidence=(Evidence(event_id=report.event_id, reads="the customer does not have it"),),
                )
                return (finding,), None
        return NOTHING


DETECTOR = Lost
