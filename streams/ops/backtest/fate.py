"""What one policy did for one order, as it was decided: mails, money, and questions to a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from streams.core import events as facts
from streams.core.events import Decision, MessageQueued
from streams.core.money import Money
from streams.core.order import Order
from streams.ops.backtest.purse import Grant

REMEDIES = ("return_label", "expedited_replacement", "goodwill_credit", "shipping_refund")
"""The remedies that cost money, in the order in which they are listed."""


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mail, the moment at which it would have gone out, and when the promise of that moment would break."""

    now: datetime
    message: MessageQueued
    breaks_at: datetime | None


class Asked(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A person is asked."""

    now: datetime
    reason: str


class Fate(msgspec.Struct, gc=False):
    """All that was decided about one order; most orders have none."""

    told: list[Told] = []
    granted: list[Grant] = []
    asked: list[Asked] = []
    opened: list[tuple[datetime, str]] = []

    def until(self, moment: datetime) -> Fate:
        """Return what was decided no later than ``moment``."""
        return Fate(
            told=[one for one in self.told if one.now <= moment],
            granted=[one for one in self.granted if one.now <= moment],
            asked=[one for one in self.asked if one.now <= moment],
            opened=[one for one in self.opened if one[0] <= moment],
        )


class Fates:
    """Writes down what a world decides, order by order: a :data:`streams.ops.backtest.world.Witness`."""

    def __init__(self) -> None:
        self.of: dict[str, Fate] = {}

    def __call__(self, decision: Decision, now: datetime, orders: dict[str, Order]) -> None:
        """Write a decision down, when it is a mail, money, a question or a new exception."""
        match decision:
            case MessageQueued():
                promise = orders[decision.order_id].promise
                breaks_at = promise.ends_at if promise is not None else None
                self._fate(decision).told.append(Told(now, decision, breaks_at))
            case facts.ExceptionOpened():
                self._fate(decision).opened.append((now, decision.kind))
            case facts.ReviewRequested():
                self._fate(decision).asked.append(Asked(now, decision.reason))
            case _:
                self._fate_of_money(decision, now)

    def _fate_of_money(self, decision: Decision, now: datetime) -> None:
        for remedy, cost in _cost(decision):
            grant = Grant(now, decision.decision_id, decision.order_id, remedy, cost.currency, cost.minor)
            self._fate(decision).granted.append(grant)

    def _fate(self, decision: Decision) -> Fate:
        return self.of.setdefault(decision.order_id, Fate())


def _cost(decision: Decision) -> Iterator[tuple[str, Money]]:
    match decision:
        case facts.ReturnLabelRequested():
            yield "return_label", decision.cost
        case facts.ReplacementRequested():
            yield "expedited_replacement", decision.cost
        case facts.GoodwillGranted():
            yield "goodwill_credit", decision.cost
        case facts.ShippingRefundGranted():
            yield "shipping_refund", decision.cost
        case _:
            return
