"""A prepaid label for what should not be there: at the customer's convenience and the company's cost."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from streams.core.events import Decision, OrderedLine, ReturnLabelRequested, ReturnWaived
from streams.core.ids import identify
from streams.core.money import Money, price
from streams.core.remedy import Remedy, Situation
from streams.core.zones import local_day


class ReturnLabel(Remedy, frozen=True, kw_only=True):
    """Asks for a label for the wrong pieces, known or reported; after ``[returns] keep_days`` they are the customer's to keep.

    ``cost_of`` and ``international_cost_of`` are what a label costs us, in minor units by currency. Pieces whose
    value is at most ``keep_percent`` of that are not asked back at all: theirs to keep. A piece that is not of
    this order counts as much as the dearest that is missing; where no price is known, a label is asked for.
    """

    name: ClassVar[str] = "return_label"

    cost_of: dict[str, int] = {}
    international_cost_of: dict[str, int] = {}
    keep_percent: int = 0

    def propose(self, situation: Situation) -> Decision | None:
        """Return the request, or None when nothing wrong is with the customer or a label was asked for."""
        order, trouble = situation.order, situation.trouble
        return_id = identify("ret", order.order_id, trouble.exception_id)
        unknown_pieces = (
            trouble.kind in {"wrong_item", "swapped_labels"} and not trouble.extra
        )  # the customer says so, not a scan
        if any(
            not known.refused and known.seen_at is None and not known.lapsed
            for known in situation.case.returns
        ):
            return None  # one label is enough for whatever goes into the box
        if not (trouble.extra or unknown_pieces) or any(
            known.return_id == return_id for known in situation.case.returns
        ):
            return None
        table = self.international_cost_of if order.international else self.cost_of
        cost = price(table, order.currency, situation.policy.shop.currency)
        if trouble.exception_id in situation.case.waived:
            return None
        value = _value(situation, cost.currency)
        if value is not None and value.minor * 100 <= self.keep_percent * cost.minor:
            return ReturnWaived(
                order_id=order.order_id,
                decision_id=identify("dec", "return_waived", return_id),
                case_id=situation.case.case_id,
                exception_id=trouble.exception_id,
                lines=trouble.extra,
                value=value,
                saved=cost,
            )
        keep_days = timedelta(days=situation.policy.returns.keep_days)
        return ReturnLabelRequested(
            order_id=order.order_id,
            decision_id=identify("dec", "return_label", return_id),
            case_id=situation.case.case_id,
            return_id=return_id,
            lines=trouble.extra,
            cost=cost,
            keep_after=local_day(situation.now, order.zone) + keep_days,
            country=order.lane[1] or None,
            sender=order.address,
        )


def _value(situation: Situation, currency: str) -> Money | None:
    """Return what the wrong pieces are worth, or None where nobody can say."""
    order, trouble = situation.order, situation.trouble
    lines = [order.ordered_line(piece.sku) for piece in trouble.missing]
    dearest = max((_paid(line, currency) or 0 for line in lines), default=0)
    total = 0
    for piece in trouble.extra:
        paid = _paid(order.ordered_line(piece.sku), currency) or dearest
        if not paid:
            return None
        total += paid * piece.quantity
    return Money(minor=total, currency=currency) if total else None


def _paid(line: OrderedLine | None, currency: str) -> int | None:
    """Return the price of one piece in minor units, or None."""
    if line is None or line.unit_price is None or line.unit_price.currency != currency:
        return None
    return line.unit_price.minor


REMEDY = ReturnLabel
