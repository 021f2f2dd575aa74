"""Holds mails back when unusually many of one sort come at once, until people have looked at some of them.

A storm is ``open`` until people have said what they think of it. ``released``: everything of its sort passes
until there were few of it for a whole window; then it is ``over``. ``refused``: what waited is for a person,
and what comes later begins another storm.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Dialect, bindparam, func, literal_column, select

from streams.across.counting import Counting, Sort, sorts_of
from streams.across.entry import Entry, storable, text_of
from streams.across.turn import Prepared
from streams.core.ids import identify
from streams.core.policy import Brake
from streams.problems import UsageProblem
from streams.storage.tables import ALLOWANCES, STORMS, WORDS

_OFTEN_ENOUGH: Final = timedelta(seconds=10)  # "it still blows" is written down no more often than that

StormState = Literal["open", "released", "refused", "over"]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said of a storm."""

    by: str
    release: bool
    at: datetime


class Storm(msgspec.Struct, frozen=True, kw_only=True):
    """Unusually many mails of one sort: how many wait, ``(order_id, allowance_id)`` of some, who has said what."""

    storm_id: str
    dimension: str
    value: str
    since: datetime
    state: StormState
    waiting: int
    sample: tuple[tuple[str, str], ...]
    said: tuple[Said, ...]


class Braking:
    """The brake across orders; to be asked by whoever has the turn."""

    def __init__(self, brake: Brake, dialect: Dialect) -> None:
        self._brake = brake
        self._counting = Counting(brake, dialect)
        self._of_sort = Prepared(_OF_SORT, dialect)
        self._insert = Prepared(STORMS.insert(), dialect)
        self._move = Prepared(_MOVE, dialect)
        self._settle = Prepared(_SETTLE, dialect)
        self._states = Prepared(_STATES, dialect)
        self._unsettled = Prepared(_UNSETTLED, dialect)
        self._one = Prepared(_ONE, dialect)
        self._open = Prepared(_OPEN, dialect)
        self._waiting = Prepared(_WAITING, dialect)
        self._sample = Prepared(_SAMPLE, dialect)
        self._words = Prepared(_WORDS, dialect)
        self._say = Prepared(WORDS.insert(), dialect)
        self._unsay = Prepared(_UNSAID, dialect)

    # ------------------------------------------------------------------------ mails

    def hold(self, cursor: Any, entry: Entry, now: datetime, *, free: bool) -> str | None:
        """Count a mail, and return the storm that holds it; ``free`` ones are counted and pass."""
        if not self._brake.most:
            return None
        sorts = sorts_of(entry)
        standing = {sort: self._of_sort.rows(cursor, **sort._asdict()) for sort in sorts}
        released = tuple(sort for sort in sorts if any(row[1] == "released" for row in standing[sort]))
        # What people have looked at explains itself: it does not make its kind unusual for all others.
        self._counting.count(cursor, released or sorts, now)
        still = [self._still_blows(cursor, sort, standing[sort][0], now) for sort in released]
        if free:
            return None
        for rows in standing.values():
            if rows and rows[0][1] == "open":
                return str(rows[0][0])
        return None if any(still) else self._begun(cursor, sorts, entry, now)

    def _still_blows(self, cursor: Any, sort: Sort, row: tuple[Any, ...], now: datetime) -> bool:
        """Return whether a released storm goes on; it is over when there were few for a whole window."""
        storm_id, _, above_at = row
        last = datetime.fromisoformat(above_at)
        if self._counting.is_unusual(cursor, sort, now):
            if now - last >= _OFTEN_ENOUGH:
                self._moved(cursor, storm_id, "released", now)
            return True
        if now - last < self._brake.window:
            return True
        self._moved(cursor, storm_id, "over", now)
        return False

    def _begun(self, cursor: Any, sorts: tuple[Sort, ...], entry: Entry, now: datetime) -> str | None:
        """Return the storm that this mail begins, None when nothing is unusual."""
        for sort in sorts:
            if self._counting.is_unusual(cursor, sort, now):
                storm_id = identify("storm", *sort, entry.allowance_id)
                self._insert.run(
                    cursor,
                    storm_id=storm_id,
                    dimension=sort.dimension,
                    value=sort.value,
                    since=text_of(now),
                    state="open",
                    above_at=text_of(now),
                    settled=0,
                )
                return storm_id
        return None

    def _moved(self, cursor: Any, storm_id: str, state: StormState, now: datetime) -> None:
        self._move.run(cursor, of_storm=storm_id, to_state=state, now_above_at=text_of(now))

    # ------------------------------------------------------------------------ people

    def decide(self, cursor: Any, storm_id: str, *, by: str, release: bool, now: datetime) -> Storm:
        """Write down what a person says; a storm that people are through with stays as it is.

        Raises:
            UsageProblem: ``storm-unknown``; ``storm-nobody``: the person has no name.
        """
        name = storable(" ".join(by.split()))
        if not name:
            raise _nobody(storm_id)
        storm = self.find(cursor, storm_id)
        if storm.state != "open":
            return storm
        self._unsay.run(cursor, of_storm=storm_id, of_name=name)
        self._say.run(cursor, storm_id=storm_id, name=name, release=int(release), at=text_of(now))
        said = self.find(cursor, storm_id).said
        names = {one.by.casefold() for one in said if one.release}
        if not release:
            self._moved(cursor, storm_id, "refused", now)
        elif len(names) >= self._brake.people:
            self._moved(cursor, storm_id, "released", now)
        return self.find(cursor, storm_id)

    def find(self, cursor: Any, storm_id: str) -> Storm:
        """Return a storm.

        Raises:
            UsageProblem: ``storm-unknown``.
        """
        rows = self._one.rows(cursor, of_storm=storm_id)
        if not rows:
            raise _unknown(storm_id)
        return self._storm(cursor, rows[0])

    def open(self, cursor: Any) -> tuple[Storm, ...]:
        """Return the storms that wait for people, the oldest first."""
        return tuple(self._storm(cursor, row) for row in self._open.rows(cursor))

    def _storm(self, cursor: Any, row: tuple[Any, ...]) -> Storm:
        storm_id, dimension, value, since, state = row
        words = self._words.rows(cursor, of_storm=storm_id)
        sample = self._sample.rows(cursor, of_storm=storm_id, most=self._brake.sample)
        return Storm(
            storm_id=storm_id,
            dimension=dimension,
            value=value,
            since=datetime.fromisoformat(since),
            state=state,
            waiting=self._waiting.number(cursor, of_storm=storm_id),
            sample=tuple((order_id, allowance_id) for order_id, allowance_id in sample),
            said=tuple(
                Said(by=name, release=bool(release), at=datetime.fromisoformat(at))
                for name, release, at in words
            ),
        )

    # ------------------------------------------------------------------------ what waits

    def state(self, cursor: Any, storm_id: str) -> StormState:
        """Return how a storm stands."""
        state: StormState = self._states.rows(cursor, of_storm=storm_id)[0][0]
        return state

    def unsettled(self, cursor: Any) -> list[str]:
        """Return the storms that people have decided, and behind which mails may still wait."""
        return [storm_id for (storm_id,) in self._unsettled.rows(cursor)]

    def settled(self, cursor: Any, storm_id: str) -> None:
        """Write down that nothing waits behind a storm any more."""
        self._settle.run(cursor, of_storm=storm_id)


def _unknown(storm_id: str) -> UsageProblem:
    return UsageProblem(
        "storm-unknown",
        "no storm has this id",
        where=storm_id,
        hint="take the id from the list of storms that wait for people",
    )


def _nobody(storm_id: str) -> UsageProblem:
    return UsageProblem(
        "storm-nobody",
        "whoever decides on a storm has to say who they are",
        where=storm_id,
        hint="give a name; two different ones are asked for",
    )


# The words of the indexes' own conditions, so that PostgreSQL knows that it may use them.
_IS_HELD: Final[Any] = ALLOWANCES.c.state == literal_column("'held'")
_IS_OPEN: Final[Any] = STORMS.c.state == literal_column("'open'")
_STANDS: Final[Any] = STORMS.c.state.in_([literal_column("'open'"), literal_column("'released'")])
_COLUMNS: Final = (STORMS.c.storm_id, STORMS.c.dimension, STORMS.c.value, STORMS.c.since, STORMS.c.state)
_THE_STORM: Final[Any] = STORMS.c.storm_id == bindparam("of_storm")
_BEHIND: Final[Any] = ALLOWANCES.c.storm_id == bindparam("of_storm")

_OF_SORT: Final = select(STORMS.c.storm_id, STORMS.c.state, STORMS.c.above_at).where(
    STORMS.c.dimension == bindparam("dimension"), STORMS.c.value == bindparam("value"), _STANDS
)
_ONE: Final = select(*_COLUMNS).where(_THE_STORM)
_OPEN: Final = select(*_COLUMNS).where(_IS_OPEN).order_by(STORMS.c.since, STORMS.c.storm_id)
_STATES: Final = select(STORMS.c.state).where(_THE_STORM)
_UNSETTLED: Final = (
    select(STORMS.c.storm_id)
    .where(STORMS.c.settled == literal_column("0"), STORMS.c.state != literal_column("'open'"))
    .order_by(STORMS.c.storm_id)
)
_MOVE: Final = (
    STORMS.update().where(_THE_STORM).values(state=bindparam("to_state"), above_at=bindparam("now_above_at"))
)
_SETTLE: Final = STORMS.update().where(_THE_STORM).values(settled=literal_column("1"))
_WAITING: Final = select(func.count()).where(_BEHIND, _IS_HELD)
# By id: ids are hashes, so the first of them are any of them.
_SAMPLE: Final = (
    select(ALLOWANCES.c.order_id, ALLOWANCES.c.allowance_id)
    .where(_BEHIND, _IS_HELD)
    .order_by(ALLOWANCES.c.allowance_id)
    .limit(bindparam("most"))
)
_WORDS: Final = (
    select(WORDS.c.name, WORDS.c.release, WORDS.c.at)
    .where(WORDS.c.storm_id == bindparam("of_storm"))
    .order_by(WORDS.c.at, WORDS.c.name)
)
_UNSAID: Final = WORDS.delete().where(
    WORDS.c.storm_id == bindparam("of_storm"), WORDS.c.name == bindparam("of_name")
)
