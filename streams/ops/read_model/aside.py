"""What did not become part of an order: dead letters, and scans that wait for their parcel to be announced."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from streams.ops.read_model import tables
from streams.ops.read_model.columns import dead_columns, marks, parked_columns
from streams.ops.read_model.portions import Portion
from streams.ops.read_model.putting import Put, parts
from streams.ops.read_model.tables import clean, text_of
from streams.ops.read_model.tally import Tally

_Known = tuple[str, str, str | None]
"""Code, source, and when it was put back."""


class Aside:
    """Writes these parts of a portion."""

    def __init__(self, connection: Connection, put: Put, tally: Tally) -> None:
        self._connection = connection
        self._put = put
        self._tally = tally

    def bury(self, portion: Portion) -> None:
        """Write dead letters that are new, and note which were put back."""
        known = self._dead_rows({letter.id for letter in portion.dead} | portion.redriven.keys())
        new = {letter.id: letter for letter in portion.dead if letter.id not in known}
        for letter in new.values():
            self._add(letter.code, letter.source, 1)
            self._tally.count("dead_letters", letter.at)
            known[letter.id] = (letter.code, letter.source, None)
        self._put(
            self._connection,
            tables.DEAD_LETTERS,
            [dead_columns(letter) for letter in new.values()],
            first=True,
        )
        names = [{"mark": mark, "id": letter.id} for letter in new.values() for mark in marks(letter.raw)]
        self._put(self._connection, tables.LETTER_NAMES, names, first=True)
        for letter_id, at in portion.redriven.items():
            self._redrive(letter_id, at, known.get(letter_id))

    def park(self, portion: Portion) -> None:
        """Write which scans wait now, and which do so no longer."""
        table = tables.PARKED
        if not (portion.parked or portion.parked_whole):
            return
        here = set(self._connection.execute(select(table.c.id)).scalars())
        waiting = {row: one for row, one in portion.parked.items() if one is not None}
        gone = here - waiting.keys() if portion.parked_whole else here & (portion.parked.keys() - waiting)
        for some in parts(gone):
            self._connection.execute(delete(table).where(table.c.id.in_(some)))
        self._tally.gauges["parked"] += len((here - gone) | waiting.keys()) - len(here)
        self._put(self._connection, table, [parked_columns(row, one) for row, one in waiting.items()])

    def _redrive(self, letter_id: str, at: datetime, known: _Known | None) -> None:
        if known is None or known[2] is not None:
            return
        table = tables.DEAD_LETTERS
        self._add(known[0], known[1], -1)
        self._connection.execute(update(table).where(table.c.id == letter_id).values(redriven_at=text_of(at)))

    def _dead_rows(self, ids: Iterable[str]) -> dict[str, _Known]:
        table = tables.DEAD_LETTERS
        known = {}
        for some in parts(ids):
            query = select(table.c.id, table.c.code, table.c.source, table.c.redriven_at)
            for key, code, source, redriven_at in self._connection.execute(query.where(table.c.id.in_(some))):
                known[key] = (code, source, redriven_at)
        return known

    def _add(self, code: str, source: str, count: int) -> None:
        self._tally.gauges["letters"] += count
        self._tally.gauges[f"letters.{clean(code)} {clean(source)}"] += count
