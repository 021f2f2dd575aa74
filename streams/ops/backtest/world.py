"""A history folded under one policy with a clock of its own: every alarm fires at its own moment.

Recorded ticks are of no use here. They stand where the policy of then wanted them, and another policy waits
for other moments. What an order comes to depends on its own events alone, so any share of the orders may be
folded apart from all others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime

from streams.core.events import Decision, Event
from streams.core.order import Order
from streams.core.policy import Policy
from streams.ops.backtest.imagined import answer
from streams.pipeline.processor import Processor, tick

Witness = Callable[[Decision, datetime, dict[str, Order]], None]
"""Hears of every decision, the moment at which it is made, and the orders as they are then."""


def _deaf(_decision: Decision, _now: datetime, _orders: dict[str, Order]) -> None:
    """Hear nothing."""


class World:
    """Orders under one policy. ``failed`` counts events and looks on which the program itself failed."""

    def __init__(self, policy: Policy, witness: Witness = _deaf) -> None:
        self.policy = policy
        self.witness = witness
        self.failed = 0
        self._mind = Processor(policy)

    @property
    def orders(self) -> dict[str, Order]:
        """The orders as they are now."""
        return self._mind.orders

    def take(self, event: Event) -> None:
        """Let time pass up to an event, then fold it, with all that would have come of it."""
        if self._mind.is_due(event.recorded_at):
            self._advance(event.recorded_at)
        self._fold(event)

    def run_on(self, until: datetime) -> None:
        """Let time pass in silence up to ``until``."""
        self._advance(until)
        if self._mind.now is not None and until > self._mind.now:
            self._fold(tick(until))

    def _advance(self, to: datetime) -> None:
        mind = self._mind
        due = mind.next_alarm()
        while due is not None and due <= to:
            self._fold(tick(due if mind.now is None else max(due, mind.now)))
            due = mind.next_alarm()

    def _fold(self, event: Event) -> None:
        mind = self._mind
        coming = deque([event])
        while coming:
            try:
                decisions = mind.fold(coming.popleft())
            except Exception:  # noqa: BLE001 - a mistake of ours in one order must not end the measurement of all others
                self.failed += 1
                continue
            if mind.failures:
                self.failed += len(mind.take_failures())
            now = mind.now
            assert now is not None
            for decision in decisions:
                self.witness(decision, now, mind.orders)
                outcome = answer(decision, now)
                if outcome is not None:
                    coming.append(outcome)
