"""The promised day is over for the customer, and the order is not there."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from streams.core.detector import A_BOX, A_SCAN, UNDER_WAY, WORD_GIVEN, Detector, Topic
from streams.core.events import Evidence, Kind, Severity
from streams.core.finding import NOTHING, Finding, Look, earliest, later_look
from streams.core.forecast import way_left
from streams.core.order import Order, Promise
from streams.core.policy import Policy
from streams.core.workdays import days
from streams.core.zones import day_begins, local_day


class LateDelivery(Detector, frozen=True, kw_only=True):
    """Late is a matter of calendar days: a parcel that comes on the promised day is on time.

    Sees: the shop's promise (or staff's, if the customer was told), and the range that our own mail
    named. A carrier's date never counts. Breaking our own range is the second failure.
    Severity is the least lateness we must expect: from ``major_days`` on major, from ``severe_days`` severe.
    False alarms: a delivery scan that is reported late; ``tell_after`` in the policy waits for it.
    """

    kind: ClassVar[Kind] = "late_delivery"
    topic: ClassVar[Topic] = "delay"
    signs: ClassVar[int] = UNDER_WAY | WORD_GIVEN
    unmoved_by: ClassVar[int] = A_SCAN | A_BOX

    major_days: int = 3
    severe_days: int = 7

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return one finding for the order, and one for a replacement that we promised."""
        if order.placed_at is None or order.canceled_at is not None:
            return NOTHING
        if order.replacement_word is None:
            promise = order.promise
            if promise is not None and now < promise.ends_at and order.word is None:  # most orders, most days
                under_way = order.arrived_at is None and not order.awaits_pickup
                return ((), promise.ends_at) if under_way else NOTHING
            return self._order(order, now, policy)
        findings, wake = self._order(order, now, policy)
        more, again = self._replacement(order, order.replacement_word, now)
        return findings + more, earliest(wake, again)

    def _order(self, order: Order, now: datetime, policy: Policy) -> Look:
        promise, word = order.promise, order.word
        first = promise if promise is not None else word
        if first is not None and word is not None and word.ends_at < first.ends_at:
            first = word  # we named an earlier day than the shop did: that is our word
        if first is None or order.arrived_at is not None or order.awaits_pickup:
            return NOTHING
        if now < first.ends_at:
            return later_look(first.ends_at)
        again = word is not None and now >= word.ends_at
        wake = None
        if word is not None and not again:
            wake = word.ends_at
        severity: Severity = "severe"
        if not again:
            severity, worse_at = self._severity(order, first, now, policy)
            wake = earliest(wake, worse_at)
        broken = word if again and word is not None else first
        finding = Finding(
            kind=self.kind,
            subject="order",
            since=first.ends_at,
            severity=severity,
            evidence=(Evidence(event_id=broken.event_id, reads=f"promised by {broken.by.isoformat()}"),),
            again=again,
        )
        return (finding,), wake

    def _severity(
        self, order: Order, promise: Promise, now: datetime, policy: Policy
    ) -> tuple[Severity, datetime | None]:
        """Return how bad it is, and when the day begins on which it gets worse.

        The calendar moves over weekends at once: not every day makes it worse.
        """
        today, way = local_day(now, order.zone), way_left(order, policy)
        severity = self._on(today, way, order, promise, policy)
        if severity != "severe":
            for ahead in range(1, self.severe_days + 2):
                day = today + days(ahead)
                if self._on(day, way, order, promise, policy) != severity:
                    return severity, day_begins(day, order.zone)
        return severity, None

    def _on(
        self, day: date, way: tuple[int, date], order: Order, promise: Promise, policy: Policy
    ) -> Severity:
        workdays, named = way
        soonest = max(policy.calendars.day_after(day, workdays, order.lane), named)
        lateness = (soonest - promise.by).days
        if lateness >= self.severe_days:
            return "severe"
        return "major" if lateness >= self.major_days else "minor"

    def _replacement(self, order: Order, word: Promise, now: datetime) -> Look:
        if now < word.ends_at:
            return later_look(word.ends_at)
        if not _replacement_pending(order, word):
            return NOTHING
        finding = Finding(
            kind=self.kind,
            subject="replacement",
            since=word.ends_at,
            severity="severe",
            evidence=(Evidence(event_id=word.event_id, reads=f"our mail said by {word.by.isoformat()}"),),
            again=True,
        )
        return (finding,), None


def _replacement_pending(order: Order, word: Promise) -> bool:
    """True when the replacement has not come; one that was asked for after the day is not the one we meant."""
    case = order.case
    if case is None:
        return False
    return any(
        r.delivered_at is None and not r.troubled and r.refused is None and r.requested_at < word.ends_at
        for r in case.replacements
    )


DETECTOR = LateDelivery
