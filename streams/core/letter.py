"""What a mail may say: facts only, gathered once, so that words can be changed without touching rules."""

from __future__ import annotations

from collections.abc import Iterable

from streams.core.draft import Draft
from streams.core.events import DateRange, Letter, LetterLine, Pieces
from streams.core.forecast import forecast, replacement_forecast
from streams.core.order import Order, Replacement, Return, Trouble


def compose_letter(
    draft: Draft,
    troubles: list[Trouble],
    returning: Return | None,
    later: Replacement | None,
    *,
    apologize: bool,
    found: Trouble | None = None,
) -> Letter:
    """Gather the facts of a mail about these troubles, of the note about a return, or of a replacement's or a found parcel's news."""
    order, case = draft.order, draft.case
    customer = order.customer
    replacement = later or _replacement(draft, [found] if found is not None else troubles)
    one = returning or _return_of(draft, troubles)
    shipment = order.parcel_of({one.subject for one in ([found] if found is not None else troubles)})
    extra = tuple(piece for trouble in troubles for piece in trouble.extra) or (one.lines if one else ())
    promise = order.promise
    return Letter(
        to=(customer.email if customer else None) or "",
        customer_name=customer.name if customer else None,
        time_zone=order.zone,
        country=order.lane[1] or None,
        kinds=tuple(dict.fromkeys(trouble.kind for trouble in troubles)),
        apologize=apologize,
        second_failure=any(trouble.stage > 1 for trouble in troubles) or order.replaces is not None,
        wrong_lines=named(order, extra),
        missing_lines=named(order, (piece for trouble in troubles for piece in trouble.missing)),
        order_lines=named(order, (Pieces(sku=sku, quantity=n) for sku, n in order.wanted().items())),
        arrived=order.arrived_at is not None,
        promised_by=promise.by if promise is not None else None,
        arrives=_found_arrives(draft) if found is not None else _arrives(draft, troubles, replacement),
        carrier=shipment.carrier if shipment else None,
        tracking_number=shipment.tracking_number if shipment else None,
        replacement_id=replacement.replacement_id if replacement else None,
        replacement_lines=named(order, _under_way(draft, troubles, replacement, later)),
        replacement_arrives=_replacement_arrives(draft, replacement),
        expedited=replacement.expedited if replacement else False,
        return_id=one.return_id if one else None,
        label_id=one.label_id if one else None,
        label_carrier=one.carrier if one else None,
        label_tracking_number=one.tracking_number if one else None,
        keep_after=one.keep_after if one else None,
        goodwill=case.goodwill if _with_message(draft, "goodwill.granted.v1") else None,
        shipping_refund=case.shipping_refund if _with_message(draft, "shipping_refund.granted.v1") else None,
        keep_it=any(trouble.exception_id in case.waived for trouble in troubles),
        out_of_stock=named(order, _out_of_stock(draft, troubles)),
        found=found is not None,
        certain=all(trouble.certainty == "certain" or trouble.verdict == "approved" for trouble in troubles),
    )


def _out_of_stock(draft: Draft, troubles: list[Trouble]) -> list[Pieces]:
    """Return what should have been sent again, cannot be, and waits for the customer's choice."""
    ids = {trouble.exception_id for trouble in troubles}
    return [
        line
        for one in draft.case.replacements
        if one.to_choose and one.exception_id in ids
        for line in one.lines
    ]


def _found_arrives(draft: Draft) -> DateRange | None:
    """Name a range for a parcel that moves again, unless it is there."""
    return None if draft.order.arrived_at is not None else forecast(draft.order, draft.now, draft.policy)


def _under_way(
    draft: Draft, troubles: list[Trouble], replacement: Replacement | None, later: Replacement | None
) -> list[Pieces]:
    """Return all that is being sent again for these troubles, box by box."""
    if replacement is None:
        return []
    ids = {trouble.exception_id for trouble in troubles}
    others = [one for one in draft.case.replacements if one.stands and one.exception_id in ids]
    if later is not None and all(one.replacement_id != later.replacement_id for one in others):
        others = [later, *others]
    return [line for one in (others or [replacement]) for line in one.lines]


def _replacement_arrives(draft: Draft, replacement: Replacement | None) -> DateRange | None:
    """Name our own range, or the order system's day where that is later than our range began."""
    if replacement is None or replacement.delivered_at is not None:
        return None
    expected = replacement_forecast(draft.order, draft.now, draft.policy)
    if replacement.promised_by is None or replacement.promised_by <= expected.by:
        return expected
    return DateRange(from_=expected.from_, by=replacement.promised_by)


def named(order: Order, lines: Iterable[Pieces]) -> tuple[LetterLine, ...]:
    """Return pieces under the titles that the customer bought them by, else their SKU."""
    counts: dict[str, int] = {}
    for piece in lines:
        counts[piece.sku] = counts.get(piece.sku, 0) + piece.quantity
    return tuple(LetterLine(sku=sku, title=_title(order, sku), quantity=n) for sku, n in counts.items())


def _title(order: Order, sku: str) -> str:
    line = order.ordered_line(sku)
    return (line.title if line is not None else None) or sku


def _replacement(draft: Draft, troubles: list[Trouble]) -> Replacement | None:
    ids = {trouble.exception_id for trouble in troubles}
    broken = any(trouble.subject == "replacement" for trouble in troubles)
    for replacement in draft.case.replacements:
        if not replacement.stands:
            continue
        if replacement.exception_id in ids or (broken and replacement.delivered_at is None):
            return replacement
    return None


def _return_of(draft: Draft, troubles: list[Trouble]) -> Return | None:
    """Return the label that travels with a mail about wrong pieces: the one that is still to be used."""
    if not any(trouble.extra or trouble.kind == "wrong_item" for trouble in troubles):
        return None
    ids = {trouble.exception_id for trouble in troubles}
    usable = [one for one in draft.case.returns if one.seen_at is None and not one.refused and not one.lapsed]
    own = [one for one in usable if one.exception_id in ids]
    return next(iter(own or usable), None)


def _arrives(draft: Draft, troubles: list[Trouble], replacement: Replacement | None) -> DateRange | None:
    """Name a range only for what is still on its way: never beside a replacement's own."""
    if replacement is not None or draft.order.arrived_at is not None:
        return None
    if not any(draft.policy.cured_by_arrival(trouble.kind) for trouble in troubles):
        return None
    if any(t.cleared_at is None and draft.policy.topic(t.kind) == "loss" for t in draft.case.troubles):
        return None
    return forecast(draft.order, draft.now, draft.policy)


def _with_message(draft: Draft, decision_type: str) -> bool:
    return draft.case.unheard or any(decision_type == decision.TYPE for decision in draft.decisions)
