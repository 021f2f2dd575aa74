"""Folds events into orders and keeps the alarm clock: the same object in every room."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from streams.core.events import Decision, Event, TimePassed
from streams.core.order import Order, new_order
from streams.core.policy import Policy
from streams.core.step import step

Alarm = tuple[datetime, str]
TICK_ORDER = "*"  # a tick concerns every order of a partition


def _nowhere(_order_id: str) -> Order | None:
    return None


class Processor:
    """Orders in memory, their deadlines in a heap, and how far recorded time has come.

    ``find`` is asked for what is not in ``orders``: who keeps the rest elsewhere puts it back there and returns
    it; ``alarms`` are those of that rest.

    ``now`` is the largest ``recorded_at`` seen and never goes back. An order's own ``wake_at`` is the truth.
    The heap holds one entry per order that is no later than it, and stale ones: an alarm that was put off
    (every scan does that) is not filed anew until its old moment comes up. ``failures`` are the looks of a
    tick that raised; such an order is not looked at again before its next event.
    """

    def __init__(
        self,
        policy: Policy,
        orders: dict[str, Order] | None = None,
        *,
        find: Callable[[str], Order | None] = _nowhere,
        alarms: Iterable[Alarm] = (),
    ) -> None:
        self.policy = policy
        self.orders: dict[str, Order] = orders if orders is not None else {}
        self.find = find
        self.now: datetime | None = None
        self.folded = 0
        self.duplicates = 0
        self.touched: set[str] = set()
        self.failures: dict[
            str, tuple[Event, Exception]
        ] = {}  # by the look's id: an order may be filed twice
        self._alarms: list[Alarm] = [
            (order.wake_at, order.order_id) for order in self.orders.values() if order.wake_at is not None
        ]
        self._alarms.extend(alarms)
        heapq.heapify(self._alarms)

    def fold(self, event: Event) -> tuple[Decision, ...]:
        """Fold one event, at the later of its ``recorded_at`` and ``now``; a tick wakes whoever is due."""
        now, recorded_at, order_id = self.now, event.recorded_at, event.order_id
        if now is None or recorded_at > now:
            now = self.now = recorded_at
        orders = self.orders
        order = orders.get(order_id)
        if order is None:
            if order_id == TICK_ORDER:
                return tuple(self._wake(now))
            order = self.find(order_id) or new_order(order_id)
        done = step(order, event, now, self.policy)
        after = done.order
        if after is order:
            self.duplicates += 1
            return ()
        self.folded += 1
        orders[order_id] = after
        self.touched.add(order_id)
        wake_at, filed = done.wake_at, order.wake_at
        # An alarm that is over has been taken out already, also when its look failed.
        if wake_at is not None and (filed is None or wake_at < filed or filed <= now):
            heapq.heappush(self._alarms, (wake_at, order_id))
        return done.decisions

    def take_failures(self) -> list[tuple[Event, Exception]]:
        """Return the looks that raised since the last call, which are no longer held here."""
        failures, self.failures = self.failures, {}
        return list(failures.values())

    def next_alarm(self) -> datetime | None:
        """Return when the next order wants to be looked at again, or None."""
        alarms, orders = self._alarms, self.orders
        while alarms:
            due, order_id = alarms[0]
            order = orders.get(order_id) or self.find(order_id)
            wake_at = order.wake_at if order is not None else None
            if wake_at == due:
                return due
            if wake_at is None:
                heapq.heappop(alarms)
            else:
                heapq.heapreplace(alarms, (wake_at, order_id))
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
        alarms = self._alarms
        due = self.next_alarm()
        while due is not None and due <= now:
            entry = heapq.heappop(alarms)
            while alarms and alarms[0] == entry:  # put off twice to the same moment
                heapq.heappop(alarms)
            order_id = entry[1]
            order = self.orders[order_id]
            silence = Event(
                id=f"{order_id}@{due.isoformat()}",
                source="firstword/deadlines",
                order_id=order_id,
                occurred_at=due,
                recorded_at=now,
                fact=TimePassed(order_id=order_id),
            )
            try:
                done = step(order, silence, now, self.policy)
            except Exception as error:  # noqa: BLE001 - a mistake of ours in one order must not stop the others
                self.failures[silence.id] = (silence, error)
            else:
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
