"""Puts a history in the order of its arrival: when each record came is when the last thing it tells of happened.

A clock that ran ahead would drag time along for all orders, so a leap of more than a year must be confirmed by
the records behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from streams.pipeline.ports import Record, Rejected, Source, Translation

Arrived = tuple[datetime, Record, Translation]
BEGINNING = datetime.fromisoformat("1990-01-01T00:00:00+00:00")
_LEAP = timedelta(days=366)  # a step in time that the records behind must confirm: nobody ships for a year
_WITNESSES = 16  # records behind a leap that are asked
_ENOUGH = 3  # of them must have a time of their own: the end of a file convicts nobody


def arrivals(
    source: Source, location: str, *, after: int = -1, last: datetime = BEGINNING
) -> Iterator[Arrived]:
    """Yield what a source tells behind a position, each with the time up to which it has come, from ``last`` on."""
    moment = last
    records = ((one, source.translate(one)) for one in source.read(location, after=after))
    behind: deque[tuple[Record, Translation]] = deque()
    while True:
        found = behind.popleft() if behind else next(records, None)
        if found is None:
            return
        record, translation = found
        latest = _latest(translation)
        if latest is not None and latest > moment:
            if latest - moment > _LEAP:
                behind.extend(islice(records, max(0, _WITNESSES - len(behind))))
                if _nobody_agrees(latest, behind):
                    translation = _ahead(latest)
                    latest = moment
            moment = latest
        yield moment, record, translation


def _latest(translation: Translation) -> datetime | None:
    if type(translation) is not tuple or not translation:
        return None
    if len(translation) == 1:  # asked for every record of a history
        return translation[0].occurred_at
    return max(incoming.occurred_at for incoming in translation)


def _nobody_agrees(moment: datetime, behind: Iterable[tuple[Record, Translation]]) -> bool:
    """True when a clock ran ahead: time would leap there for all orders, and the records behind know nothing of it."""
    times = [latest for _, translation in behind if (latest := _latest(translation)) is not None]
    return len(times) >= _ENOUGH and all(moment - time > _LEAP for time in times)


def _ahead(moment: datetime) -> Rejected:
    return Rejected(
        code="time-ahead",
        why=f"it claims {moment.isoformat()}, more than a year ahead of all records behind it",
        hint="look at the clock of the system that wrote it, correct the time, then redrive the letter",
    )
