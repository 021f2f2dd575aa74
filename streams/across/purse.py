"""What may be spent of each budget and what is spent, in minor units by currency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Dialect, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from streams.across.entry import Entry, Limit, Refusal, text_of
from streams.across.turn import Prepared
from streams.core.money import Money, spell_amount
from streams.core.policy import Budgets
from streams.storage.tables import BALANCES, BOOKINGS

_A_YEAR: Final = timedelta(days=365)  # how far back a customer's own budget looks
_NAMES: Final[dict[Limit, str]] = {
    "customer": "one customer within 365 days",
    "day": "one day",
    "campaign": "this campaign",
    "total": "everything",
}


class Purse:
    """Budgets across orders; to be asked by whoever has the turn."""

    def __init__(self, budgets: Budgets, campaign: str, dialect: Dialect) -> None:
        self._limits: tuple[tuple[Limit, dict[str, int]], ...] = (
            ("customer", budgets.customer),
            ("day", budgets.day),
            ("campaign", budgets.campaign),
            ("total", budgets.total),
        )
        self._campaign = campaign
        self._of_customer = Prepared(_OF_CUSTOMER, dialect)
        self._spent = Prepared(_SPENT, dialect)
        self._book = Prepared(BOOKINGS.insert(), dialect)
        self._add = Prepared(_added(dialect), dialect)

    def refusal(self, cursor: Any, entry: Entry, now: datetime) -> Refusal | None:
        """Return the first limit that the entry would exceed; None when it may be booked whole."""
        costs = {currency: minor for currency, minor in entry.amounts().items() if minor > 0}
        spent = {currency: self._balances(cursor, currency, now) for currency in costs}
        for limit, most in self._limits:
            for currency, cost in costs.items():
                if currency not in most:
                    continue
                if limit == "customer":
                    used = self._spent_on(cursor, entry.customer, currency, now)
                else:
                    used = spent[currency].get(limit, 0)
                if used + cost > most[currency]:
                    return Refusal(limit, _reads(limit, most[currency], used, cost, currency))
        return None

    def book(self, cursor: Any, entry: Entry, now: datetime) -> None:
        """Write down that it is spent."""
        costs = {currency: minor for currency, minor in entry.amounts().items() if minor}
        for currency, minor in costs.items():
            self._book.run(
                cursor,
                allowance_id=entry.allowance_id,
                currency=currency,
                minor=minor,
                customer=entry.customer,
                booked_at=text_of(now),
            )
            for scope, name in (("day", _day(now)), ("campaign", self._campaign), ("total", "")):
                self._add.run(cursor, scope=scope, name=name, currency=currency, spent=minor)

    def _balances(self, cursor: Any, currency: str, now: datetime) -> dict[str, int]:
        rows = self._spent.rows(cursor, currency=currency, day=_day(now), campaign=self._campaign)
        return {scope: int(spent) for scope, spent in rows}

    def _spent_on(self, cursor: Any, customer: str, currency: str, now: datetime) -> int:
        return self._of_customer.number(
            cursor, customer=customer, currency=currency, since=text_of(now - _A_YEAR)
        )


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()


def _reads(limit: Limit, most: int, used: int, cost: int, currency: str) -> str:
    budget, spent, price = (
        spell_amount(Money(minor=minor, currency=currency)) for minor in (most, used, cost)
    )
    return f"The budget for {_NAMES[limit]} is {budget}; {spent} are spent, and this costs {price}."


_OF_CUSTOMER: Final = select(func.sum(BOOKINGS.c.minor)).where(
    BOOKINGS.c.customer == bindparam("customer"),
    BOOKINGS.c.booked_at > bindparam("since"),
    BOOKINGS.c.currency == bindparam("currency"),
)
_SPENT: Final = select(BALANCES.c.scope, BALANCES.c.spent).where(
    BALANCES.c.currency == bindparam("currency"),
    or_(
        and_(BALANCES.c.scope == "day", BALANCES.c.name == bindparam("day")),
        and_(BALANCES.c.scope == "campaign", BALANCES.c.name == bindparam("campaign")),
        and_(BALANCES.c.scope == "total", BALANCES.c.name == ""),
    ),
)


def _added(dialect: Dialect) -> Any:
    """Return the statement that adds to a balance, or begins one; Core has it only per dialect."""
    insert: Any = (postgresql if dialect.name == "postgresql" else sqlite).insert(BALANCES)
    return insert.on_conflict_do_update(
        index_elements=["scope", "name", "currency"],
        set_={"spent": BALANCES.c.spent + insert.excluded.spent},
    )
