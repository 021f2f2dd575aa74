"""Something else is in the box than was bought: found at the packing scan, before the customer finds it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.contents import deviation, scan_is_doubtful
from streams.core.detector import A_SCAN, DIFFERS, REPORTED, WEIGHED, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Certainty, Finding, Look
from streams.core.mix_ups import answered_as, believed, mix_up_of
from streams.core.order import Difference, Order, Shipment
from streams.core.policy import Policy
from streams.core.reports import reported


class WrongItem(Detector, frozen=True, kw_only=True):
    """A box lacks planned pieces and holds others instead, or does not weigh what its plan weighs.

    Sees: the packing scan against the fulfillment (else the label's lines, else the order). Pieces that
    only moved to another box of the order are not wrong. A corrected scan of the same box ends it.
    Weighs, where every planned article has a weight: the goods and ``packaging_g`` of carton may differ by
    ``weight_tolerance_g`` or ``weight_tolerance_percent``, whichever is more; 0 grams looks at no weight.
    Weight alone is never certain, and a scan that the scale contradicts is not either. Silent where the
    box was mixed up with another order's, unless it was answered already.
    False alarms: two SKUs for one article; map them before they come in. Weights of another packaging.
    """

    kind: ClassVar[Kind] = "wrong_item"
    topic: ClassVar[Topic] = "contents"
    cured_by_arrival: ClassVar[bool] = False
    signs: ClassVar[int] = DIFFERS | REPORTED | WEIGHED
    unmoved_by: ClassVar[int] = A_SCAN

    packaging_g: int = 0
    weight_tolerance_g: int = 0
    weight_tolerance_percent: int = 0

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per box."""
        if order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings = [self._scanned(order, box) for box in order.differences if box.missing and box.extra]
        told = reported(order, self.kind, "wrong_item", "the customer says so") if order.reports else ()
        if self.weight_tolerance_g and order.signs & WEIGHED:
            by_weight = self._by_weight(order)
            if told and any(believed(order, one.subject) for one in by_weight):
                told = ()  # the scale said so before, and that was answered
            elif not told:
                findings += by_weight
        if not findings and not told:
            return NOTHING
        ours = [one for one in findings if not _told_as_swapped(order, one.subject)]
        return (*ours, *told), None

    def _scanned(self, order: Order, box: Difference) -> Finding:
        return Finding(
            kind=self.kind,
            subject=box.shipment_id,
            since=box.packed_at,
            severity="major",
            missing=box.missing,
            extra=box.extra,
            evidence=box.evidence,
            certainty=self._certainty(order, box),
        )

    def _certainty(self, order: Order, box: Difference) -> Certainty:
        """Return how sure a scan is: another box with just the opposite mistake leaves no doubt."""
        found = mix_up_of(order, box.shipment_id)
        if found is not None and found.basis == "contents":
            return "certain"
        shipment = next(one for one in order.shipments if one.shipment_id == box.shipment_id)
        return "possible" if scan_is_doubtful(order, shipment, self) else "certain"

    def _by_weight(self, order: Order) -> list[Finding]:
        found = []
        for shipment in order.shipments:
            weights = deviation(order, shipment, self)
            if weights is None or order.made_good(shipment.shipment_id) is not None:
                continue
            if all(box.shipment_id != shipment.shipment_id for box in order.differences):
                found.append(self._weighed(order, shipment, *weights))
        return found

    def _weighed(self, order: Order, shipment: Shipment, measured: float, expected: float) -> Finding:
        packing = shipment.packing
        by_station = packing is not None and packing.weight_g is not None
        since = packing.packed_at if packing is not None else shipment.handed_over_at
        reads = f"the {'station' if by_station else 'carrier'} weighed {measured:.0f} g where its plan weighs {expected:.0f} g"
        return Finding(
            kind=self.kind,
            subject=shipment.shipment_id,
            since=since or shipment.created_at or order.placed_at,  # type: ignore[arg-type]  # placed: asked before
            severity="major",
            evidence=(
                Evidence(
                    event_id=packing.event_id if packing and by_station else shipment.weighed_by, reads=reads
                ),
            ),
            certainty="likely" if mix_up_of(order, shipment.shipment_id) is not None else "possible",
        )


def _told_as_swapped(order: Order, subject: str) -> bool:
    return mix_up_of(order, subject) is not None and not answered_as(order, "wrong_item", subject)


DETECTOR = WrongItem
