"""Folds events into orders and keeps the alarm clock: the same object in every room."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime

from streams.core.events import Decision, Event, TimePassed
from streams.core.order import Order, new_order
from streams.core.policy import Policy
from streams.core.step import step

TICK_ORDER = "*"  # a tick concerns every order of a partition


class Processor:
    """Orders in memory, their deadlines in a heap, and how far recorded time has come.

    ``now`` is the largest ``recorded_at`` seen and never goes back. The heap holds stale entries; an
    order's own ``wake_at`` is the truth.
    """

    def __init__(self, policy: Policy, orders: dict[str, Order] | None = None) -> None:
        self.policy = policy
        self.orders: dict[str, Order] = orders if orders is not None else {}
        self.now: datetime | None = None
        self.folded = 0
        self.duplicates = 0
        self.touched: set[str] = set()
        self._alarms: list[tuple[datetime, str]] = [
            (order.wake_at, order.order_id) for order in self.orders.values() if order.wake_at is not None
        ]
        heapq.heapify(self._alarms)

    def fold(self, event: Event) -> tuple[Decision, ...]:
        """Fold one event, at the later of its ``recorded_at`` and ``now``; a tick wakes whoever is due."""
        now = self.now
        if now is None or event.recorded_at > now:
            now = self.now = event.recorded_at
        if event.order_id == TICK_ORDER:
            return tuple(self._wake(now))
        order_id = event.order_id
        order = self.orders.get(order_id)
        done = step(order if order is not None else new_order(order_id), event, now, self.policy)
        if done.duplicate:
            self.duplicates += 1
            return ()
        self.folded += 1
        self.orders[order_id] = done.order
        self.touched.add(order_id)
        if done.wake_at is not None and (order is None or order.wake_at != done.wake_at):
            heapq.heappush(self._alarms, (done.wake_at, order_id))
        return done.decisions

    def next_alarm(self) -> datetime | None:
        """Return when the next order wants to be looked at again, or None."""
        alarms = self._alarms
        while alarms:
            due, order_id = alarms[0]
            order = self.orders.get(order_id)
            if order is not None and order.wake_at == due:
                return due
            heapq.heappop(alarms)
        return None

    def is_due(self, to: datetime) -> bool:
        """True when an alarm lies no later than ``to``; cheap where the heap's own top says no."""
        alarms = self._alarms
        if not alarms or alarms[0][0] > to:
            return False
        due = self.next_alarm()
        return due is not None and due <= to

    def _wake(self, now: datetime) -> Iterator[Decision]:
        """Look again at every order whose alarm is due, in the order of (due, order id)."""
        due = self.next_alarm()
        while due is not None and due <= now:
            _, order_id = heapq.heappop(self._alarms)
            order = self.orders[order_id]
            silence = Event(
                id=f"{order_id}@{due.isoformat()}",
                source="firstword/deadlines",
                order_id=order_id,
                occurred_at=due,
                recorded_at=now,
                fact=TimePassed(order_id=order_id),
            )
            done = step(order, silence, now, self.policy)
            self.orders[order_id] = done.order
            self.touched.add(order_id)
            if done.wake_at is not None:
                heapq.heappush(self._alarms, (done.wake_at, order_id))
            yield from done.decisions
            due = self.next_alarm()


def tick(now: datetime) -> Event:
    """Return the event that says how far time has come."""
    return Event(
        id=f"tick@{now.isoformat()}",
        source="firstword/clock",
        order_id=TICK_ORDER,
        occurred_at=now,
        recorded_at=now,
        fact=TimePassed(order_id=TICK_ORDER),
    )
