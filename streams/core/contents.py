"""What is in the boxes against what was meant to be, by scan and by weight: the evidence behind wrong, short and over."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from streams.core.events import Evidence, Pieces
from streams.core.ids import identify
from streams.core.order import Difference, Order, Shipment


def differences(order: Order) -> tuple[Difference, ...]:
    """Compare every scanned box with its plan; pieces that only moved to another box are not missing."""
    if order.canceled_at is not None or order.placed_at is None:
        return ()
    if _as_planned(order):
        return ()
    wanted = order.wanted()
    raw = [
        (shipment, *_compare(order, shipment, wanted))
        for shipment in order.shipments
        if shipment.packing is not None and order.made_good(shipment.shipment_id) is None
    ]
    if not any(missing or extra for _, missing, extra in raw):
        return ()
    spare = _planned_again(order, wanted)
    for shipment, missing, extra in raw:
        # A box without a plan may hold anything that another box lacks; one with a plan only what is too much.
        # (Of one that lacks something itself, what it holds has been counted.)
        loose = _packed(shipment) if order.expected_in(shipment) is None and not missing else extra
        for sku, count in loose.items():
            spare[sku] = spare.get(sku, 0) + count
    lacking = _not_planned(order, wanted)
    for _, missing, _ in raw:
        for sku, count in missing.items():
            lacking[sku] = lacking.get(sku, 0) + count
    found = []
    for shipment, missing, extra in raw:
        short = _net(missing, spare)
        over = _net(extra, lacking)
        if short or over:
            found.append(_difference(shipment, short, over))
    return tuple(found)


def _as_planned(order: Order) -> bool:
    """True when every scanned box holds its plan, line by line, and all of that was bought.

    The answer for most orders, without counting pieces; False only means that they must be counted.
    """
    for shipment in order.shipments:
        packing = shipment.packing
        if packing is None:
            continue
        if order.canceled or packing.lines != order.expected_in(shipment):
            return False
        for piece in packing.lines:
            line = order.ordered_line(piece.sku)
            if line is None or line.quantity < piece.quantity:
                return False
    return True


def _compare(
    order: Order, shipment: Shipment, wanted: dict[str, int]
) -> tuple[dict[str, int], dict[str, int]]:
    packing = shipment.packing
    packed = _packed(shipment)
    plan = order.expected_in(shipment)
    if plan is not None:
        # What was called off since the plan was made is not missing, and still in the box it is too much.
        expected = {
            line.sku: min(line.quantity, wanted.get(line.sku, 0) if wanted else line.quantity)
            for line in plan
        }
        if packing is not None and expected == packed:
            return {}, {}
        return _minus(expected, packed), _minus(packed, expected)
    # Without a plan another box may hold the rest: only pieces that nobody ordered are certain.
    extra = _minus(packed, wanted)
    foreign = any(sku not in wanted for sku in extra)
    alone = len(order.shipments) == 1
    return (_minus(wanted, packed) if foreign and alone else {}), extra


def _packed(shipment: Shipment) -> dict[str, int]:
    return (
        {line.sku: line.quantity for line in shipment.packing.lines} if shipment.packing is not None else {}
    )


def _planned(order: Order) -> dict[str, int]:
    planned: dict[str, int] = {}
    for fulfillment in order.fulfillments:
        for line in fulfillment.lines:
            planned[line.sku] = planned.get(line.sku, 0) + line.quantity
    return planned


def _planned_again(order: Order, wanted: dict[str, int]) -> dict[str, int]:
    """Return pieces that are planned more often than wanted: the shop ships the missing ones again."""
    planned = _planned(order)
    return {
        sku: count - wanted.get(sku, 0) for sku, count in planned.items() if count > wanted.get(sku, 0) > 0
    }


def _not_planned(order: Order, wanted: dict[str, int]) -> dict[str, int]:
    """Return pieces that are wanted and in no plan: whoever packs them does right."""
    planned = _planned(order)
    return _minus(wanted, planned) if planned else {}


def _minus(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {sku: count - other.get(sku, 0) for sku, count in one.items() if count > other.get(sku, 0)}


def _net(counts: dict[str, int], against: dict[str, int]) -> dict[str, int]:
    left = {}
    for sku, count in counts.items():
        used = min(count, against.get(sku, 0))
        if used:
            against[sku] -= used
        if count > used:
            left[sku] = count - used
    return left


def _difference(shipment: Shipment, short: dict[str, int], over: dict[str, int]) -> Difference:
    packing = shipment.packing
    assert packing is not None
    reads = "the packing scan shows " + ", ".join(f"{p.quantity} x {p.sku}" for p in packing.lines)
    return Difference(
        shipment.shipment_id,
        packing.packed_at,
        tuple(Pieces(sku=sku, quantity=count) for sku, count in short.items()),
        tuple(Pieces(sku=sku, quantity=count) for sku, count in over.items()),
        (Evidence(event_id=packing.event_id, reads=reads),),
    )


# ---------------------------------------------------------------------------- weights

CARRIER_ROUNDS_UP_G = 500.0  # carriers bill whole pounds (454 g) or half kilograms, and report what they bill


@runtime_checkable
class Scale(Protocol):
    """How far a weight may be trusted: grams of an empty box with its filling, and what is still as expected."""

    @property
    def packaging_g(self) -> int:
        """Grams of a box without goods."""

    @property
    def weight_tolerance_g(self) -> int:
        """Grams, and never less; 0 looks at no weight."""

    @property
    def weight_tolerance_percent(self) -> int:
        """Percent of what is expected."""


def measured_g(shipment: Shipment) -> float | None:
    """Return what a box weighs: by the scale of the station, else by the carrier's."""
    packing = shipment.packing
    if packing is not None and packing.weight_g is not None:
        return packing.weight_g
    return shipment.weight_g


def expected_g(order: Order, shipment: Shipment, scale: Scale) -> float | None:
    """Return what a box should weigh by its plan, or None where that cannot be known.

    After a cancellation nobody can: some boxes are repacked and some are not.
    """
    plan = None if order.canceled else order.expected_in(shipment)
    if not plan:
        return None
    known, complete = _weigh(order, plan)
    return known + scale.packaging_g if complete else None


def agrees(measured: float, expected: float, shipment: Shipment, scale: Scale) -> bool:
    """True when a weight is as expected, as far as its scale can tell."""
    tolerance = tolerance_g(expected, scale)
    by_carrier = shipment.packing is None or shipment.packing.weight_g is None
    return -tolerance <= measured - expected <= tolerance + CARRIER_ROUNDS_UP_G * by_carrier


def tolerance_g(expected: float, scale: Scale) -> float:
    """Return by how many grams a weight may differ from what is expected."""
    return max(float(scale.weight_tolerance_g), expected * scale.weight_tolerance_percent / 100)


def deviation(order: Order, shipment: Shipment, scale: Scale) -> tuple[float, float] | None:
    """Return measured and expected grams where they differ, else None."""
    measured = measured_g(shipment) if scale.weight_tolerance_g else None
    if measured is None:
        return None
    expected = expected_g(order, shipment, scale)
    if expected is None or agrees(measured, expected, shipment, scale):
        return None
    return measured, expected


def scan_is_doubtful(order: Order, shipment: Shipment, scale: Scale) -> bool:
    """True when the box weighs what its plan weighs, and that is nearer than what was scanned.

    Where an article has no weight, only a box that is lighter than the rest of the scan speaks against it.
    """
    measured = measured_g(shipment) if scale.weight_tolerance_g else None
    expected = expected_g(order, shipment, scale) if measured is not None else None
    if measured is None or expected is None or shipment.packing is None:
        return False
    if not agrees(measured, expected, shipment, scale):
        return False
    known, complete = _weigh(order, shipment.packing.lines)
    scanned = known + scale.packaging_g
    if complete:
        return abs(measured - expected) < abs(measured - scanned)
    return measured < scanned - tolerance_g(scanned, scale)


def _weigh(order: Order, lines: tuple[Pieces, ...]) -> tuple[float, bool]:
    """Return the weight of these pieces as far as it is known, and whether that is all of it."""
    total, complete = 0.0, True
    for piece in lines:
        line = order.ordered_line(piece.sku)
        if line is None or not line.weight_g:
            complete = False
        else:
            total += line.weight_g * piece.quantity
    return total, complete


def box_digest(order: Order, shipment_id: str) -> str:
    """Return what stands for the contents of a box that is not as planned: packed anew, it is another."""
    for box in order.differences:
        if box.shipment_id == shipment_id:
            sides = (box.missing, box.extra)
            words = (
                f"{p.sku}\x1f{p.quantity}" for side in sides for p in (*side, Pieces(sku="/", quantity=0))
            )
            return identify("box", shipment_id, *words)
    measured = next((measured_g(one) for one in order.shipments if one.shipment_id == shipment_id), None)
    return identify("box", shipment_id, f"{measured or 0:.1f} g")
