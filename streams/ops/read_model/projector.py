"""Folds portions of a history into the tables: each in one transaction, with how far the reading has come in it.

Several processes may feed the same tables: who finds that another one was faster writes nothing. What is
repeated under the same id (a decision sent again after a restart, a second copy of an event) changes nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, select

from streams.ops.read_model import tables
from streams.ops.read_model.fold import Fold
from streams.ops.read_model.portions import Feed, Place, Portion, Reached
from streams.ops.read_model.putting import Put


class Projector:
    """The only writer of the tables; opens none, and makes none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._put = Put(engine)

    def reached(self) -> dict[Place, int]:
        """Return how far the tables have come."""
        with tables.telling(self._engine), self._engine.connect() as connection:
            return _reached(connection)

    def fits(self, feed: Feed) -> bool:
        """True when the tables were filled from this history, and what was read last still stands there."""
        with tables.telling(self._engine):
            known, mark = tables.history(self._engine)
            return known == feed.identity() and mark == feed.mark(self.reached())

    def begin(self, feed: Feed) -> None:
        """Forget everything when the tables were filled from another history, or from one that was made anew."""
        identity = feed.identity()
        if identity and not self.fits(feed):
            with tables.telling(self._engine):
                tables.begin(self._engine, identity, feed.mark({}))
            feed.again()

    def write(self, portion: Portion, before: Reached) -> bool:
        """Write a portion that was read behind ``before``; False when the tables are no longer there.

        Raises:
            WorldProblem: ``read-model-unusable``: nothing of it was written.
        """
        with tables.telling(self._engine), self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql(f"LOCK TABLE {tables.PROGRESS.name} IN EXCLUSIVE MODE")
            stands = _reached(connection)
            if any(stands.get(place) != before.get(place) for place in portion.reached):
                return False
            Fold(connection, self._put).take(portion)
            self._put(
                connection,
                tables.PROGRESS,
                [
                    {"stream": stream, "partition": partition, "position": position}
                    for (stream, partition), position in portion.reached.items()
                ],
            )
            if portion.mark:
                self._put(connection, tables.META, [{"name": "mark", "value": portion.mark}])
            return True


def _reached(connection: Connection) -> dict[Place, int]:
    found = connection.execute(select(tables.PROGRESS))
    return {(stream, partition): position for stream, partition, position in found}
