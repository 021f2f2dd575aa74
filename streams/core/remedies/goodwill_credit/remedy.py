"""Fix it and add something, within limits: credit on this order, told in the same mail."""

from __future__ import annotations

from typing import ClassVar

from streams.core.events import Decision, GoodwillGranted
from streams.core.ids import identify
from streams.core.money import Money
from streams.core.remedy import Remedy, Situation


class GoodwillCredit(Remedy, frozen=True, kw_only=True):
    """A share of the order's value by severity, once per case, between ``least`` and ``most``.

    Percentages of what the customer paid for the lines; ``least`` and ``most`` in minor units by currency.
    """

    name: ClassVar[str] = "goodwill_credit"
    with_message: ClassVar[bool] = True

    minor_percent: int = 0
    major_percent: int = 5
    severe_percent: int = 10
    least: dict[str, int] = {}
    most: dict[str, int] = {}

    def propose(self, situation: Situation) -> Decision | None:
        """Return the grant, or None: already granted, nothing to share, or a currency without limits."""
        order, trouble, case = situation.order, situation.trouble, situation.case
        percent = {"minor": self.minor_percent, "major": self.major_percent, "severe": self.severe_percent}
        share = percent[trouble.severity]
        currency = order.currency
        if case.goodwill is not None or not share or currency is None or currency not in self.most:
            return None
        value = sum(
            line.unit_price.minor * line.quantity
            for line in order.lines
            if line.unit_price is not None and line.unit_price.currency == currency
        )
        amount = min(max(value * share // 100, self.least.get(currency, 0)), self.most[currency])
        if amount <= 0:
            return None
        goodwill_id = identify("gwl", order.order_id, trouble.exception_id, str(trouble.stage))
        return GoodwillGranted(
            order_id=order.order_id,
            decision_id=identify("dec", "goodwill", goodwill_id),
            case_id=case.case_id,
            goodwill_id=goodwill_id,
            cost=Money(minor=amount, currency=currency),
        )


REMEDY = GoodwillCredit
