"""A step in the making: the private copy of the order, what was decided so far, and the next alarm."""

from __future__ import annotations

from copy import copy
from datetime import datetime

from streams.core import events as facts
from streams.core.events import Decision, Event
from streams.core.evolve.case import case_of
from streams.core.money import Money
from streams.core.order import Case, Order, Replacement, Return, Trouble
from streams.core.policy import Policy


class Draft:
    """Collects the decisions of one step; the order in it is nobody else's."""

    __slots__ = ("_owned", "decisions", "event", "now", "order", "policy", "wake_at")

    def __init__(self, order: Order, event: Event, now: datetime, policy: Policy) -> None:
        self.order = order
        self.event = event
        self.now = now
        self.policy = policy
        self.decisions: list[Decision] = []
        self.wake_at: datetime | None = None
        self._owned: Case | None = None

    @property
    def case(self) -> Case:
        """The case, for reading; there is one as soon as something was wrong."""
        assert self.order.case is not None
        return self.order.case

    @property
    def address(self) -> str:
        """Where mail goes; empty when nobody has said."""
        customer = self.order.customer
        return (customer.email if customer is not None else None) or ""

    @property
    def locale(self) -> str:
        """The customer's language, or the shop's."""
        customer = self.order.customer
        return (customer.locale if customer is not None else None) or self.policy.shop.locale

    def own_case(self) -> Case:
        """Return this step's private copy of the case, put in place at the first call."""
        if self._owned is None:
            self._owned = case_of(self.order)
        return self._owned

    def own(self, trouble: Trouble) -> Trouble:
        """Return a private copy of a trouble, put in its place."""
        case = self.own_case()
        mine = copy(trouble)
        case.troubles = tuple(mine if t.exception_id == trouble.exception_id else t for t in case.troubles)
        return mine

    def wake(self, at: datetime | None) -> None:
        """Ask for an alarm; only moments to come count."""
        if at is not None and at > self.now and (self.wake_at is None or at < self.wake_at):
            self.wake_at = at

    def decide(self, decision: Decision) -> None:
        """Record a decision, and let the order know it."""
        self.decisions.append(decision)
        match decision:
            case facts.ReturnLabelRequested():
                self._expect_return(decision)
            case facts.ReplacementRequested():
                self._expect_replacement(decision)
            case facts.GoodwillGranted():
                self.own_case().goodwill = decision.cost
            case facts.ShippingRefundGranted():
                self.own_case().shipping_refund = decision.cost
            case facts.ReturnWaived():
                case = self.own_case()
                case.waived = (*case.waived, decision.exception_id)
                return
            case facts.ReturnLabelLapsed() | facts.RefundGranted():
                return
            case _:
                return
        case = self.own_case()
        case.spent = add_up((*case.spent, decision.cost))

    def _expect_return(self, decision: facts.ReturnLabelRequested) -> None:
        case = self.own_case()
        wanted = Return(
            return_id=decision.return_id,
            lines=decision.lines,
            requested_at=self.now,
            keep_after=decision.keep_after,
        )
        case.returns = (*case.returns, wanted)

    def _expect_replacement(self, decision: facts.ReplacementRequested) -> None:
        case = self.own_case()
        wanted = Replacement(
            replacement_id=decision.replacement_id,
            lines=decision.lines,
            requested_at=self.now,
            expedited=decision.expedited,
        )
        case.replacements = (*case.replacements, wanted)


def add_up(amounts: tuple[Money, ...]) -> tuple[Money, ...]:
    """Add amounts by currency, in order of first appearance."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        known = sums.get(amount.currency)
        sums[amount.currency] = amount if known is None else known + amount
    return tuple(sums.values())
