"""Something else is in the box than was bought: found at the packing scan, before the customer finds it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import DIFFERS, REPORTED, Detector, Topic
from streams.core.events import Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.order import Order
from streams.core.policy import Policy
from streams.core.reports import reported


class WrongItem(Detector, frozen=True, kw_only=True):
    """A box lacks planned pieces and holds others instead.

    Sees: the packing scan against the fulfillment (else the label's lines, else the order). Pieces that
    only moved to another box of the order are not wrong. A corrected scan of the same box ends it.
    False alarms: two SKUs for one article; map them before they come in.
    """

    kind: ClassVar[Kind] = "wrong_item"
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
            if box.missing and box.extra
        )
        return findings + reported(order, self.kind, "wrong_item", "the customer says so"), None


DETECTOR = WrongItem
