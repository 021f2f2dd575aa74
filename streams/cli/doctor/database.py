"""Looks at the database that several processes share: whether it answers, its tables, its clock and its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from streams.cli.doctor.brokers import spell_age
from streams.cli.doctor.check import Check, fine
from streams.cli.doctor.ledger import look_at_rows
from streams.clock import stopwatch, wall_now
from streams.settings import Settings

_APART = timedelta(seconds=2)  # what hosts that are kept by NTP never differ by
_SLOW = 0.1  # seconds for a question that costs nothing; each mail asks some ten times


def look_at_database(settings: Settings) -> Iterator[Check]:
    """Say how the database stands; nothing where none is set.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``storage-unusable``, ``storage-older``, ``storage-newer``.
    """
    if settings.database is None:
        return
    from streams.storage.engine import open_engine
    from streams.storage.migrate import check

    url = settings.database.reveal()
    check(url)  # whatever is wrong with the way there is said by it
    engine = open_engine(url)
    try:
        place = engine.url.render_as_string(hide_password=True)
        with engine.connect() as connection:
            began = stopwatch()
            connection.exec_driver_sql("SELECT 1").scalar()
            took = stopwatch() - began
            yield _answers(place, took)
            if engine.dialect.name == "postgresql":
                yield _clock(connection.exec_driver_sql("SELECT now()").scalar_one())
            yield from look_at_rows(lambda query: [tuple(row) for row in connection.exec_driver_sql(query)])
    finally:
        engine.dispose()


def _answers(place: str, took: float) -> Check:
    says = f"{place} answers in {took * 1000:.1f} ms, its tables are up to date"
    if took < _SLOW:
        return fine("database", says)
    return Check(
        what="database",
        state="look",
        says=says,
        do="put the effects workers near the database, or look at what keeps it busy",
    )


def _clock(theirs: datetime) -> Check:
    apart = theirs.astimezone(UTC) - wall_now()
    if abs(apart) <= _APART:
        return fine("database clock", "goes with ours")
    way = "ahead of" if apart > timedelta() else "behind"
    return Check(
        what="database clock",
        state="act",
        says=f"it is {spell_age(abs(apart))} {way} this one",
        do="keep the clocks of all hosts by NTP; promises are judged by them",
    )
