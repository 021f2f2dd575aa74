"""The product's one function, event by event, beside a call that does nothing and the copy of an order."""

from __future__ import annotations

from collections.abc import Iterator

from streams.core.order import new_order
from streams.core.step import step
from streams.pipeline.processor import TICK_ORDER
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap


def rows() -> Iterator[Row]:
    """Every event of the month but its ticks, in journal order; the events are in memory already."""
    events = [event for event in month.events() if event.order_id != TICK_ORDER]
    policy = month.policy()

    def stepped():
        orders, now = {}, events[0].recorded_at
        for event in events:
            now = max(now, event.recorded_at)
            order = orders.get(event.order_id) or new_order(event.order_id)
            orders[event.order_id] = step(order, event, now, policy).order
        return orders

    settled = stepped()

    def empty():
        orders, now = {}, events[0].recorded_at
        for event in events:
            now = max(now, event.recorded_at)
            order = orders.get(event.order_id) or settled[event.order_id]
            _nothing(order, event, now, policy)
            orders[event.order_id] = order.__copy__()
        return orders

    yield beside(
        "step",
        "events",
        lap(stepped, len(events)),
        lap(empty, len(events)),
        floor_name="an empty call and a copy",
        rounds=3,
        warm=False,
    )


def _nothing(_order, _event, _now, _policy):
    """Cost what a call costs."""
