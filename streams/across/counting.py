"""How many mails of one kind, one carrier or one station there were: lately, and usually.

Lately is counted in slices of a sixtieth of the window, and a slice counts whole while any of it is in the
window: at most a sixtieth too much, and never too little. Usually is the mean of whole days before today.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Dialect, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from streams.across.entry import Entry, text_of
from streams.across.turn import Prepared
from streams.core.policy import Brake
from streams.storage.tables import COUNTS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_SLICES: Final = 60
_SHORTEST: Final = timedelta(seconds=1)


class Sort(NamedTuple):
    """What mails may have in common: a ``dimension`` (kind, carrier or station) and its value."""

    dimension: str
    value: str


def sorts_of(entry: Entry) -> tuple[Sort, ...]:
    """Return what the mail may have in common with others."""
    known = (("kind", entry.kind), ("carrier", entry.carrier), ("station", entry.station))
    return tuple(Sort(dimension, value) for dimension, value in known if value)


class Counting:
    """Counts of mails by sort; to be asked by whoever has the turn."""

    def __init__(self, brake: Brake, dialect: Dialect) -> None:
        self._brake = brake
        self._slice = max(brake.window / _SLICES, _SHORTEST)
        self._add = Prepared(_added(dialect), dialect)
        self._sum = Prepared(_SUM, dialect)
        self._forget = Prepared(_FORGOTTEN, dialect)
        self._tidied = ""

    def count(self, cursor: Any, sorts: tuple[Sort, ...], now: datetime) -> None:
        """Add one to each of these sorts."""
        latest, today = text_of(self._begin_of_slice(now)), text_of(_begin_of_day(now))
        for dimension, value in sorts:
            for span, since in (("slice", latest), ("day", today)):
                self._add.run(cursor, dimension=dimension, value=value, span=span, since=since, count=1)
        if latest > self._tidied:  # once per slice, and not with every mail
            self._tidy(cursor, now)
            self._tidied = latest

    def is_unusual(self, cursor: Any, sort: Sort, now: datetime) -> bool:
        """True when there were more than ever is fine within the window, and many more than usual."""
        lately = self._summed(cursor, sort, "slice", now - self._brake.window - self._slice, now)
        return lately > self._brake.most and lately > self._brake.factor * self._usual(cursor, sort, now)

    def _usual(self, cursor: Any, sort: Sort, now: datetime) -> float:
        """Return how many there are in a window, on the mean of days before today."""
        days = self._brake.usual_days
        if not days:
            return 0.0
        today = _begin_of_day(now)
        since, until = today - days * _DAY - _SHORTEST, today - _SHORTEST
        return self._summed(cursor, sort, "day", since, until) / days * (self._brake.window / _DAY)

    def _summed(self, cursor: Any, sort: Sort, span: str, since: datetime, until: datetime) -> int:
        """Return the sum of what began after ``since`` and not after ``until``."""
        return self._sum.number(
            cursor,
            dimension=sort.dimension,
            value=sort.value,
            span=span,
            since=text_of(since),
            until=text_of(until),
        )

    def _tidy(self, cursor: Any, now: datetime) -> None:
        """Forget what nobody will ask for; a clock that runs a day behind still finds its own."""
        slices, days = now - 2 * self._brake.window - _DAY, now - (self._brake.usual_days + 2) * _DAY
        self._forget.run(cursor, slices=text_of(slices), days=text_of(days))

    def _begin_of_slice(self, now: datetime) -> datetime:
        return now - (now - _EPOCH) % self._slice


def _begin_of_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


_SUM: Final = select(func.sum(COUNTS.c.count)).where(
    COUNTS.c.dimension == bindparam("dimension"),
    COUNTS.c.value == bindparam("value"),
    COUNTS.c.span == bindparam("span"),
    COUNTS.c.since > bindparam("since"),
    COUNTS.c.since <= bindparam("until"),
)
_FORGOTTEN: Final = COUNTS.delete().where(
    or_(
        and_(COUNTS.c.span == "slice", COUNTS.c.since <= bindparam("slices")),
        and_(COUNTS.c.span == "day", COUNTS.c.since <= bindparam("days")),
    )
)


def _added(dialect: Dialect) -> Any:
    """Return the statement that adds to a count, or begins one; Core has it only per dialect."""
    insert: Any = (postgresql if dialect.name == "postgresql" else sqlite).insert(COUNTS)
    return insert.on_conflict_do_update(
        index_elements=["dimension", "value", "span", "since"],
        set_={"count": COUNTS.c.count + insert.excluded.count},
    )
