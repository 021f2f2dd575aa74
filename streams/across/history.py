"""What a customer has been through with us: how many cases, and how often we said sorry."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Dialect, bindparam, func, literal_column, select

from streams.across.entry import Entry, Refusal, text_of
from streams.across.turn import Prepared
from streams.core.policy import Customers
from streams.storage.tables import ALLOWANCES, CASES


class History:
    """A customer's history across orders; to be asked by whoever has the turn."""

    def __init__(self, customers: Customers, dialect: Dialect) -> None:
        self._customers = customers
        self._known = Prepared(_KNOWN, dialect)
        self._before = Prepared(_BEFORE, dialect)
        self._open = Prepared(CASES.insert(), dialect)
        self._sorry = Prepared(_OFTEN, dialect)

    def refusal(self, cursor: Any, entry: Entry, now: datetime) -> Refusal | None:
        """Write down that the case is there, and return why a person decides from here on, if so.

        A case keeps its place, whatever comes later.
        """
        earlier = self._place(cursor, entry, now)
        if not self._customers.failures or earlier < self._customers.failures:
            return None
        return Refusal(
            "history",
            f"{earlier} cases of this customer came before this one within "
            f"{_days(self._customers.failures_within.days)}; from {self._customers.failures} on a person decides.",
        )

    def says_sorry(self, cursor: Any, entry: Entry, now: datetime) -> bool:
        """Return whether this one may apologize; False where it does not want to."""
        if not entry.apology or not self._customers.apologies:
            return bool(entry.apology)
        since = text_of(now - self._customers.apologies_within)
        return self._sorry.number(cursor, customer=entry.customer, since=since) < self._customers.apologies

    def _place(self, cursor: Any, entry: Entry, now: datetime) -> int:
        """Return how many cases of this customer were there before this one."""
        known = self._known.rows(cursor, case_id=entry.case_id)
        if known:
            return int(known[0][0])
        since = text_of(now - self._customers.failures_within)
        earlier = self._before.number(cursor, customer=entry.customer, since=since)
        self._open.run(
            cursor, case_id=entry.case_id, customer=entry.customer, since=text_of(now), earlier=earlier
        )
        return earlier


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


_KNOWN: Final = select(CASES.c.earlier).where(CASES.c.case_id == bindparam("case_id"))
_BEFORE: Final = select(func.count()).where(
    CASES.c.customer == bindparam("customer"), CASES.c.since > bindparam("since")
)
_OFTEN: Final = select(func.count()).where(
    ALLOWANCES.c.customer == bindparam("customer"),
    ALLOWANCES.c.answered_at > bindparam("since"),
    ALLOWANCES.c.sorry == literal_column("1"),  # the words of the index's own condition
)
