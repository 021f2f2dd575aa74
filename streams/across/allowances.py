"""The one place that says whether money may be spent and whether a mail may go, once per id and for ever."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Dialect, Engine, bindparam, literal_column, null, select

from streams.across.brake import Braking, Storm
from streams.across.entry import Answer, Entry, Refusal, answer_of, asked, entry_of, storable, text_of
from streams.across.history import History
from streams.across.purse import Purse
from streams.across.turn import Prepared, Turns
from streams.core.events import AllowanceGranted, AllowanceRefused, AllowanceRequested
from streams.core.policy import Brake, Budgets, Customers
from streams.storage.tables import ALLOWANCES

_AT_ONCE: Final = 250  # answers of one call of `due`: nobody waits longer than a moment for their turn


class Allowances:
    """Budgets, customers' histories and the brake across orders; safe to share between threads and processes.

    ``people``: how many different ones release a storm.
    """

    def __init__(
        self, engine: Engine, *, campaign: str, budgets: Budgets, customers: Customers, brake: Brake
    ) -> None:
        self.people = brake.people
        self._turns = Turns(engine)
        self._campaign = storable(campaign) or ""
        self._purse = Purse(budgets, self._campaign, engine.dialect)
        self._history = History(customers, engine.dialect)
        self._braking = Braking(brake, engine.dialect)
        self._statements = _Statements(engine.dialect)

    def judge(self, request: AllowanceRequested, now: datetime) -> Answer:
        """Grant, hold or refuse; asked again it answers the same, and ``granted`` for a mail held until then.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable.
        """
        return answer_of(self._turns.write(lambda cursor: self._judged(cursor, request, now)))

    def due(self, now: datetime) -> tuple[AllowanceGranted | AllowanceRefused, ...]:
        """Return answers of mails that a storm held, of which nobody has been told: a few hundred at a time.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable.
        """
        if self._turns.read(self._braking.unsettled):
            self._turns.write(lambda cursor: self._settle_some(cursor, now))
        untold = self._turns.read(lambda cursor: self._statements.untold.rows(cursor, most=_AT_ONCE))
        answers = [answer_of(entry_of(row)) for row in untold]
        return tuple(one for one in answers if isinstance(one, AllowanceGranted | AllowanceRefused))

    def told(self, allowance_ids: Iterable[str]) -> None:
        """Note that these answers have been told.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable.
        """
        every = [{"of_id": allowance_id} for allowance_id in sorted(set(allowance_ids))]
        if every:
            self._turns.write(lambda cursor: self._statements.told.run_all(cursor, every))

    def storms(self) -> tuple[Storm, ...]:
        """Return what waits for people, the oldest first.

        Raises:
            WorldProblem: ``allowances-unusable``, retriable.
        """
        return self._turns.read(self._braking.open)

    def decide(self, storm_id: str, *, by: str, release: bool, now: datetime) -> Storm:
        """Write down what a person says of a storm: so many different names release it, one refusal refuses it.

        Raises:
            UsageProblem: ``storm-unknown``, ``storm-nobody``.
            WorldProblem: ``allowances-unusable``, retriable.
        """
        return self._turns.write(
            lambda cursor: self._braking.decide(cursor, storm_id, by=by, release=release, now=now)
        )

    # ------------------------------------------------------------------------ with the turn

    def _judged(self, cursor: Any, request: AllowanceRequested, now: datetime) -> Entry:
        known = self._statements.find.rows(cursor, of_id=request.allowance_id)
        if known:
            return self._judged_again(cursor, entry_of(known[0]), now)
        entry = self._answered(cursor, request, now)
        self._statements.insert.run(cursor, **entry.values())
        return entry

    def _answered(self, cursor: Any, request: AllowanceRequested, now: datetime) -> Entry:
        entry = asked(request, self._campaign, now)
        refusal = self._refusal(cursor, entry, now)
        if refusal is not None and not request.approved:
            return _refused(entry, refusal, now)
        if request.purpose == "message":
            free = request.owed or request.approved
            storm_id = self._braking.hold(cursor, entry, now, free=free)
            if storm_id is not None:
                return msgspec.structs.replace(entry, state="held", storm_id=storm_id)
        return self._granted(cursor, entry, now)

    def _judged_again(self, cursor: Any, entry: Entry, now: datetime) -> Entry:
        if entry.state != "held":
            return entry
        assert entry.storm_id is not None
        if self._braking.state(cursor, entry.storm_id) == "open":
            return entry
        return self._settled(cursor, entry, now)

    def _refusal(self, cursor: Any, entry: Entry, now: datetime) -> Refusal | None:
        above = self._purse.refusal(cursor, entry, now)
        history = self._history.refusal(cursor, entry, now)  # in any case: it writes the case down
        return above or history

    def _granted(self, cursor: Any, entry: Entry, now: datetime) -> Entry:
        self._purse.book(cursor, entry, now)
        sorry = int(self._history.says_sorry(cursor, entry, now))
        return msgspec.structs.replace(entry, state="granted", sorry=sorry, answered_at=text_of(now))

    def _settle_some(self, cursor: Any, now: datetime) -> None:
        """Answer what waits behind storms that people have decided."""
        room = _AT_ONCE
        for storm_id in self._braking.unsettled(cursor):
            held = self._statements.held.rows(cursor, of_storm=storm_id, most=room)
            for row in held:
                self._settled(cursor, entry_of(row), now)
            room -= len(held)
            if room <= 0:
                return
            self._braking.settled(cursor, storm_id)

    def _settled(self, cursor: Any, held: Entry, now: datetime) -> Entry:
        """Answer one that waited: what was there for it then may be spent by now."""
        assert held.storm_id is not None
        if self._braking.state(cursor, held.storm_id) == "refused":
            entry = _refused(held, Refusal("storm", "It waited in a storm, and a person refused it."), now)
        elif (refusal := self._refusal(cursor, held, now)) is not None:
            entry = _refused(held, refusal, now)
        else:
            entry = self._granted(cursor, held, now)
        entry = msgspec.structs.replace(entry, untold_since=text_of(now))
        self._statements.settle.run(
            cursor,
            of_id=entry.allowance_id,
            to_state=entry.state,
            to_sorry=entry.sorry,
            to_refused_by=entry.refused_by,
            to_reads=entry.reads,
            to_answered_at=entry.answered_at,
            to_untold_since=entry.untold_since,
        )
        return entry


def _refused(entry: Entry, refusal: Refusal, now: datetime) -> Entry:
    return msgspec.structs.replace(
        entry, state="refused", refused_by=refusal.limit, reads=refusal.reads, answered_at=text_of(now)
    )


class _Statements:
    def __init__(self, dialect: Dialect) -> None:
        self.find = Prepared(_FIND, dialect)
        self.insert = Prepared(ALLOWANCES.insert(), dialect)
        self.held = Prepared(_HELD, dialect)
        self.settle = Prepared(_SETTLE, dialect)
        self.untold = Prepared(_UNTOLD, dialect)
        self.told = Prepared(_TOLD, dialect)


_THE_ONE: Final[Any] = ALLOWANCES.c.allowance_id == bindparam("of_id")
_FIND: Final = select(ALLOWANCES).where(_THE_ONE)
_HELD: Final = (
    select(ALLOWANCES)
    .where(ALLOWANCES.c.storm_id == bindparam("of_storm"), ALLOWANCES.c.state == literal_column("'held'"))
    .order_by(ALLOWANCES.c.allowance_id)
    .limit(bindparam("most"))
)
_SETTLE: Final = (
    ALLOWANCES.update()
    .where(_THE_ONE)
    .values(
        {
            name: bindparam(f"to_{name}")
            for name in ("state", "sorry", "refused_by", "reads", "answered_at", "untold_since")
        }
    )
)
_UNTOLD: Final = (
    select(ALLOWANCES)
    .where(ALLOWANCES.c.untold_since.is_not(None))
    .order_by(ALLOWANCES.c.untold_since, ALLOWANCES.c.allowance_id)
    .limit(bindparam("most"))
)
_TOLD: Final = ALLOWANCES.update().where(_THE_ONE).values(untold_since=null())
