"""Boxes that hold each other's goods: asks once per box whether another order's box has what this one lacks."""

from __future__ import annotations

from streams.core.contents import Scale, box_digest, expected_g, measured_g
from streams.core.draft import Draft
from streams.core.events import MixUpSuspected
from streams.core.ids import identify
from streams.core.order import MixUp, Order, Shipment, Trouble


def suspect(draft: Draft) -> None:
    """Ask about every box whose contents or weight are not its own; the answer comes by the front door."""
    for trouble in draft.case.troubles:
        if trouble.kind == "wrong_item" and trouble.cleared_at is None:
            shipment = next((s for s in draft.order.shipments if s.shipment_id == trouble.subject), None)
            if shipment is not None and bool(trouble.missing) == bool(trouble.extra):
                _ask(draft, shipment, trouble)


def _ask(draft: Draft, shipment: Shipment, trouble: Trouble) -> None:
    order, packing = draft.order, shipment.packing
    if packing is None or not packing.station:
        return
    digest = box_digest(order, shipment.shipment_id)
    if any(one.shipment_id == shipment.shipment_id and one.digest == digest for one in order.mix_ups):
        return
    order.mix_ups = (*order.mix_ups, MixUp(shipment.shipment_id, digest))
    scale = next((one for one in draft.policy.detectors if isinstance(one, Scale)), None)
    weighs = scale is not None and scale.weight_tolerance_g > 0
    draft.decide(
        MixUpSuspected(
            order_id=order.order_id,
            decision_id=identify("dec", "mix_up", order.order_id, shipment.shipment_id, digest),
            case_id=draft.case.case_id,
            shipment_id=shipment.shipment_id,
            station=packing.station,
            packed_at=packing.packed_at,
            missing=trouble.missing,
            extra=trouble.extra,
            weight_g=measured_g(shipment) if weighs else None,
            expected_g=expected_g(order, shipment, scale) if scale is not None and weighs else None,
        )
    )


def mix_up_of(order: Order, shipment_id: str) -> MixUp | None:
    """Return with whom a box was mixed up, if that is known of what is in it now."""
    found = [one for one in order.mix_ups if one.shipment_id == shipment_id and one.other_order_id]
    if not found:
        return None
    digest = box_digest(order, shipment_id)
    return next((one for one in found if one.digest == digest), None)


def answered_as(order: Order, kind: str, subject: str) -> bool:
    """True when a trouble of this kind is open and was acted upon, or is or was before a person."""
    trouble = _open(order, kind, subject)
    return trouble is not None and (trouble.responded > 0 or trouble.verdict != "none")


def believed(order: Order, subject: str) -> bool:
    """True when a box that the scale speaks against was answered for, or is before a person: not turned down."""
    known = (_open(order, kind, subject) for kind in ("wrong_item", "swapped_labels"))
    return any(
        one is not None and one.verdict != "refused" and (one.responded > 0 or one.verdict != "none")
        for one in known
    )


def _open(order: Order, kind: str, subject: str) -> Trouble | None:
    troubles = order.case.troubles if order.case is not None else ()
    return next(
        (one for one in troubles if one.kind == kind and one.subject == subject and one.cleared_at is None),
        None,
    )
