"""The right thing leaves at once, by the fastest service, and never waits for the return."""

from __future__ import annotations

from typing import ClassVar

from streams.core.events import Decision, Pieces, ReplacementRequested
from streams.core.ids import identify
from streams.core.money import Money, price
from streams.core.order import Order, Replacement
from streams.core.remedy import Remedy, Situation


class ExpeditedReplacement(Remedy, frozen=True, kw_only=True):
    """One replacement per line and case, whatever happens.

    Costs the goods at what the customer paid, and ``shipping_cost_of`` in minor units by currency.
    """

    name: ClassVar[str] = "expedited_replacement"

    shipping_cost_of: dict[str, int] = {}
    international_shipping_cost_of: dict[str, int] = {}

    def propose(self, situation: Situation) -> Decision | None:
        """Return the request, or None when every missing piece is already being replaced."""
        order, trouble = situation.order, situation.trouble
        if situation.policy.topic(trouble.kind) in {"delay", "attempt"}:
            return None  # what is late still comes; sending it twice is not a remedy
        lines = _still_missing(situation)
        if not lines:
            return None
        earlier = sum(
            1 for known in situation.case.replacements if known.exception_id == trouble.exception_id
        )
        replacement_id = identify(
            "rep", order.order_id, trouble.exception_id, *([str(earlier)] * bool(earlier))
        )
        return ReplacementRequested(
            order_id=order.order_id,
            decision_id=identify("dec", "replacement", replacement_id),
            case_id=situation.case.case_id,
            replacement_id=replacement_id,
            lines=lines,
            expedited=True,
            cost=self._cost(order, lines, situation.policy.shop.currency),
        )

    def _cost(self, order: Order, lines: tuple[Pieces, ...], shop_currency: str) -> Money:
        table = self.international_shipping_cost_of if order.international else self.shipping_cost_of
        total = price(table, order.currency, shop_currency)
        for piece in lines:
            line = order.ordered_line(piece.sku)
            if (
                line is not None
                and line.unit_price is not None
                and line.unit_price.currency == total.currency
            ):
                total += line.unit_price.times(piece.quantity)
        return total


def _still_missing(situation: Situation) -> tuple[Pieces, ...]:
    """Return what to send: never more than the customer wants, and nothing twice."""
    order, trouble = situation.order, situation.trouble
    wanted = order.wanted()
    missing = trouble.missing or tuple(Pieces(sku=sku, quantity=count) for sku, count in wanted.items())
    replaced: dict[str, int] = {}
    for known in situation.case.replacements:
        if _stands(known):
            for line in known.lines:
                replaced[line.sku] = replaced.get(line.sku, 0) + line.quantity
    left = {piece.sku: min(piece.quantity, wanted.get(piece.sku, 0)) for piece in missing}
    return tuple(
        Pieces(sku=sku, quantity=count - replaced.get(sku, 0))
        for sku, count in left.items()
        if count > replaced.get(sku, 0)
    )


def _stands(known: Replacement) -> bool:
    """True for what is under way, waits for the customer's choice, or was paid back instead."""
    if known.out_of_stock:
        return not known.settled or known.choice == "refund"
    return known.stands


REMEDY = ExpeditedReplacement
