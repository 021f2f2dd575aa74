"""The case, for writing: changes are made to private copies."""

from __future__ import annotations

from streams.core.order import Case, Order


def case_of(order: Order) -> Case:
    """Return a private copy of the order's case, a new one at its first trouble, and put it in place."""
    known = order.case
    mine: Case = Case(case_id=order.case_id) if known is None else known.__copy__()  # type: ignore[attr-defined]  # as in evolve
    order.case = mine
    return mine
