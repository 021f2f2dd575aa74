"""Requests for allowances, and a place that judges them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from streams.across.allowances import Allowances
from streams.core.events import AllowanceRequested
from streams.core.ids import identify
from streams.core.money import Money
from streams.core.policy import Brake, Budgets, Customers
from streams.storage.engine import open_engine
from streams.storage.migrate import upgrade_engine

FRIDAY = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


def usd(minor: int) -> Money:
    return Money(minor=minor, currency="USD")


def request(
    name: object, *costs: int | Money, customer: str = "c1", case: str | None = None, **parts: Any
) -> AllowanceRequested:
    """Return a request; ``name`` is all that makes it different from others."""
    return AllowanceRequested(
        order_id=f"ORD-{name}",
        decision_id=f"d_{name}",
        case_id=case or f"case_{name}",
        allowance_id=identify("alw", str(name)),
        exception_id=f"exc_{name}",
        purpose=parts.pop("purpose", "remedies"),
        kind=parts.pop("kind", "late_delivery"),
        customer=customer,
        costs=tuple(usd(cost) if isinstance(cost, int) else cost for cost in costs),
        **parts,
    )


def mail(name: object, **parts: Any) -> AllowanceRequested:
    """Return a request for a mail that costs nothing, each of a customer of its own."""
    return request(name, purpose="message", customer=parts.pop("customer", f"c_{name}"), **parts)


@contextmanager
def place(url: str) -> Iterator[Callable[..., Allowances]]:
    """Open a database; yield what makes an ``Allowances`` over it from parts of a policy."""
    engine = open_engine(url)
    upgrade_engine(engine)

    def judging(**parts: Any) -> Allowances:
        return Allowances(
            engine,
            campaign=parts.get("campaign", "standard"),
            budgets=parts.get("budgets", Budgets()),
            customers=parts.get("customers", Customers()),
            brake=parts.get("brake", Brake()),
        )

    try:
        yield judging
    finally:
        engine.dispose()
