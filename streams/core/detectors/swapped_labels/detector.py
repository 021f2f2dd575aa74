"""Two boxes of one station hold each other's goods: each customer is about to get what the other one bought."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from streams.core.detector import MIXED_UP, Detector, Topic
from streams.core.events import Evidence, Kind
from streams.core.finding import NOTHING, Finding, Look
from streams.core.mix_ups import answered_as, mix_up_of
from streams.core.order import Difference, MixUp, Order, Shipment
from streams.core.policy import Policy


class SwappedLabels(Detector, frozen=True, kw_only=True):
    """The box of another order lacks what this one holds, and holds what this one lacks.

    Sees: the answer of the place that knows all boxes, for as long as the box is packed as it was when it
    was asked. By what was scanned it is certain; where only weights cross, likely. Silent where the box
    was answered as a wrong item already, or the customer was first: it is one matter and one mail.
    False alarms: by scan, none that is not a wrong item too; by weight, two boxes that were both weighed wrong.
    """

    kind: ClassVar[Kind] = "swapped_labels"
    topic: ClassVar[Topic] = "contents"
    cured_by_arrival: ClassVar[bool] = False
    signs: ClassVar[int] = MIXED_UP

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return a finding per box that was mixed up."""
        if not order.mix_ups or order.canceled_at is not None or order.placed_at is None:
            return NOTHING
        findings = []
        for shipment in order.shipments:
            found = mix_up_of(order, shipment.shipment_id)
            if found is not None and not _is_answered_otherwise(order, shipment, found):
                findings.append(self._finding(order, shipment, found))
        return tuple(findings), None

    def _finding(self, order: Order, shipment: Shipment, found: MixUp) -> Finding:
        packing, box = shipment.packing, _box(order, shipment)
        return Finding(
            kind=self.kind,
            subject=shipment.shipment_id,
            since=packing.packed_at if packing is not None else order.placed_at,  # type: ignore[arg-type]  # placed: asked before
            severity="major",
            missing=box.missing if box is not None else (),
            extra=box.extra if box is not None else (),
            evidence=(
                *(box.evidence if box is not None else ()),
                Evidence(event_id=found.event_id, reads=_reads(found)),
            ),
            certainty="certain" if found.basis == "contents" else "likely",
        )


def _box(order: Order, shipment: Shipment) -> Difference | None:
    return next((box for box in order.differences if box.shipment_id == shipment.shipment_id), None)


def _reads(found: MixUp) -> str:
    if found.basis == "contents":
        return f"a box of order {found.other_order_id} holds what this one lacks, and the other way round"
    return f"it weighs what a box of order {found.other_order_id} should weigh, and the other way round"


def _is_answered_otherwise(order: Order, shipment: Shipment, found: MixUp) -> bool:
    if order.made_good(shipment.shipment_id) is not None:
        return True
    if answered_as(order, "wrong_item", shipment.shipment_id):
        return True
    reported = any(report.kind == "wrong_item" for report in order.reports)
    return (
        reported
        and found.basis == "weights"
        and not answered_as(order, "swapped_labels", shipment.shipment_id)
    )


DETECTOR = SwappedLabels
