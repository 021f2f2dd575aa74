"""A prepaid label for what should not be there: at the customer's convenience and the company's cost."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from streams.core.events import Decision, ReturnLabelRequested
from streams.core.ids import identify
from streams.core.money import price
from streams.core.remedy import Remedy, Situation
from streams.core.zones import local_day


class ReturnLabel(Remedy, frozen=True, kw_only=True):
    """Asks for a label for the wrong pieces, known or reported; after ``[returns] keep_days`` they are the customer's to keep.

    ``cost`` and ``international_cost`` are what a label costs us, in minor units by currency.
    """

    name: ClassVar[str] = "return_label"

    cost_of: dict[str, int] = {}
    international_cost_of: dict[str, int] = {}

    def propose(self, situation: Situation) -> Decision | None:
        """Return the request, or None when nothing wrong is with the customer or a label was asked for."""
        order, trouble = situation.order, situation.trouble
        return_id = identify("ret", order.order_id, trouble.exception_id)
        unknown_pieces = (
            trouble.kind == "wrong_item" and not trouble.extra
        )  # the customer says so, not a scan
        if any(not known.refused and known.seen_at is None for known in situation.case.returns):
            return None  # one label is enough for whatever goes into the box
        if not (trouble.extra or unknown_pieces) or any(
            known.return_id == return_id for known in situation.case.returns
        ):
            return None
        table = self.international_cost_of if order.international else self.cost_of
        keep_days = timedelta(days=situation.policy.returns.keep_days)
        return ReturnLabelRequested(
            order_id=order.order_id,
            decision_id=identify("dec", "return_label", return_id),
            case_id=situation.case.case_id,
            return_id=return_id,
            lines=trouble.extra,
            cost=price(table, order.currency, situation.policy.shop.currency),
            keep_after=local_day(situation.now, order.zone) + keep_days,
            country=order.lane[1] or None,
        )


REMEDY = ReturnLabel
