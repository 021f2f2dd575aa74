"""Reads and writes rows in bulk, in the dialect of whichever database it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from streams.ops.read_model.columns import Columns, pack
from streams.ops.read_model.rows import CaseState, MessageState, OrderState, ReviewState, TroubleState
from streams.ops.read_model.spending import CostState

_AT_ONCE: Final = 500  # keys in one IN list
State = TypeVar("State", OrderState, CaseState, TroubleState, ReviewState, MessageState, CostState)


class Put:
    """Inserts and updates rows, in statements that are written once for whatever database it is.

    The driver runs them directly: Core's own bookkeeping takes longer than SQLite's work.
    """

    def __init__(self, engine: Engine) -> None:
        self._dialect = engine.dialect
        self._insert: Any = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        self._made: dict[tuple[str, bool, bool], tuple[str, tuple[str, ...] | None]] = {}

    def __call__(
        self,
        connection: Connection,
        table: Table,
        every: Sequence[Columns],
        *,
        first: bool = False,
        adding: bool = False,
    ) -> None:
        """Write rows over those with their keys; with ``first`` under them, with ``adding`` on top of their count."""
        if not every:
            return
        key = (table.name, first, adding)
        if key not in self._made:
            self._made[key] = self._written(table, first=first, adding=adding)
        text, names = self._made[key]
        values = every if names is None else [tuple([row[name] for name in names]) for row in every]
        cursor: Any = connection.connection.cursor()
        cursor.executemany(text, values)
        cursor.close()

    def _written(self, table: Table, *, first: bool, adding: bool) -> tuple[str, tuple[str, ...] | None]:
        """Return the statement in the driver's words, and the order of its values where they have no names."""
        insert = self._insert(table)
        keys = list(table.primary_key.columns)
        rest = [column.name for column in table.columns if not column.primary_key]
        if first or not rest:
            made = insert.on_conflict_do_nothing(index_elements=keys)
        else:
            new = {name: insert.excluded[name] for name in rest}
            if adding:
                new["count"] = table.c["count"] + insert.excluded["count"]
            made = insert.on_conflict_do_update(index_elements=keys, set_=new)
        compiled = made.compile(dialect=self._dialect)
        return str(compiled), tuple(compiled.positiontup) if compiled.positional else None


def parts(keys: Iterable[str]) -> Iterable[list[str]]:
    """Return keys in lists that are short enough for one statement."""
    every = sorted(keys)
    return (every[start : start + _AT_ONCE] for start in range(0, len(every), _AT_ONCE))


class Kept(Generic[State]):
    """The rows of one table that a portion touches, as states; and what they counted for before."""

    def __init__(self, table: Table, kind: type[State], columns: Callable[[State], Columns]) -> None:
        self.states: dict[str, State] = {}
        self._table = table
        self._decode: Callable[[bytes], State] = msgspec.msgpack.Decoder(kind).decode
        self._columns: Callable[[State], Columns] = columns
        self._key = next(iter(table.primary_key.columns))
        self._before: Counter[str] = Counter()

    def load(self, connection: Connection, keys: Iterable[str]) -> None:
        """Read the states with these keys that are not here yet."""
        for some in parts(set(keys) - self.states.keys()):
            query = select(self._key, self._table.c.state).where(self._key.in_(some))
            for key, body in connection.execute(query):
                self.states[key] = state = self._decode(body)
                self._before.update(state.gauges())

    def write(self, connection: Connection, put: Put, gauges: Counter[str]) -> None:
        """Write all of them, and note in ``gauges`` by how much they count for more or less."""
        gauges.subtract(self._before)
        every = []
        for key in sorted(self.states):
            state = self.states[key]
            gauges.update(state.gauges())
            every.append({**self._columns(state), "state": pack(state)})
        put(connection, self._table, every)
