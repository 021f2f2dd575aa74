"""A stretch of a history, as people name it: places in the journal, times, and orders."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from streams.core.events import parse_day_or_instant
from streams.problems import UsageProblem

_PLACE = re.compile(r"journal:(?P<partition>\d+)(@(?P<positions>.+))?")
_POSITIONS = re.compile(r"(?P<only>\d+)|(?P<first>\d*)\.\.(?P<last>\d*)")
_HINT = "write journal:3@120..900, journal:3, 2026-11-17..2026-11-18 or 2026-11-17T08:00:00Z.."


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Positions ``first`` through ``last`` of a partition, both included; None is its beginning or its end."""

    partition: int
    first: int | None = None
    last: int | None = None

    def covers(self, partition: int, position: int) -> bool:
        """True when the position of the partition lies in here."""
        return (
            partition == self.partition
            and (self.first is None or position >= self.first)
            and (self.last is None or position <= self.last)
        )


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about: in one of ``spans``, recorded from ``since`` up to before ``until``, of ``orders``.

    What is empty or None sets no limit, so ``Stretch()`` is everything.
    """

    spans: tuple[Span, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    orders: frozenset[str] = frozenset()

    @property
    def is_everything(self) -> bool:
        """True when nothing is left out."""
        return self == Stretch()

    def covers(self, partition: int, position: int, now: datetime, order_id: str | None = None) -> bool:
        """True when what was recorded there and then is asked about; ``order_id`` None stands for any."""
        return (
            (order_id is None or self.covers_order(order_id))
            and self.covers_place(partition, position)
            and self.covers_time(now)
        )

    def covers_place(self, partition: int, position: int) -> bool:
        """True when the block at this position is asked about."""
        return not self.spans or any(span.covers(partition, position) for span in self.spans)

    def covers_time(self, now: datetime) -> bool:
        """True when what was recorded at this moment is asked about."""
        return (self.since is None or now >= self.since) and (self.until is None or now < self.until)

    def covers_order(self, order_id: str) -> bool:
        """True when this order is asked about."""
        return not self.orders or order_id in self.orders

    def partitions(self, there: Iterable[int]) -> tuple[int, ...]:
        """Return those of the partitions ``there`` of which something is asked."""
        return tuple(
            one for one in there if not self.spans or any(span.partition == one for span in self.spans)
        )

    def is_behind(self, partition: int, position: int, now: datetime) -> bool:
        """True when nothing from here on is asked about: recorded time and positions only rise."""
        if self.until is not None and now >= self.until:
            return True
        lasts = [span.last for span in self.spans if span.partition == partition]
        if not self.spans or None in lasts:
            return False
        return all(last is not None and position > last for last in lasts)


def parse(texts: Sequence[str], orders: Collection[str] = ()) -> Stretch:
    """Read ``journal:PARTITION[@FIRST..LAST]`` and ``SINCE..UNTIL``; either end may be left out.

    Positions are included at both ends, and so are days, which are days of UTC; an instant as an end is the
    first moment left out. Several places are asked about together; of times, there may be one range.

    Raises:
        UsageProblem: ``stretch-unclear``; ``stretch-twice``: two ranges of time.
    """
    spans = tuple(_span(text) for text in texts if text.startswith("journal"))
    times = [text for text in texts if not text.startswith("journal")]
    if len(times) > 1:
        raise UsageProblem(
            "stretch-twice",
            "two ranges of time are named",
            where=" ".join(times),
            why="nobody could tell whether both must hold, or one of them",
            hint="name one range, or run the command twice",
        )
    since, until = _times(times[0]) if times else (None, None)
    return Stretch(spans=spans, since=since, until=until, orders=frozenset(orders))


def _span(text: str) -> Span:
    place = _PLACE.fullmatch(text)
    if place is None:
        raise _unclear(text, "a place is journal:PARTITION or journal:PARTITION@FIRST..LAST")
    partition = int(place["partition"])
    if place["positions"] is None:
        return Span(partition=partition)
    found = _POSITIONS.fullmatch(place["positions"])
    if found is None:
        raise _unclear(text, f"{place['positions']} is neither a position nor a range of them")
    if found["only"] is not None:
        return Span(partition=partition, first=int(found["only"]), last=int(found["only"]))
    first = int(found["first"]) if found["first"] else None
    last = int(found["last"]) if found["last"] else None
    if first is not None and last is not None and last < first:
        raise _unclear(text, "it ends before it begins")
    return Span(partition=partition, first=first, last=last)


def _times(text: str) -> tuple[datetime | None, datetime | None]:
    begin, dots, end = text.partition("..")
    if not begin and not end:
        raise _unclear(text, "it has no end")
    try:
        since = _first_moment(begin) if begin else None
        until = _behind(end if dots else begin) if end or not dots else None
    except ValueError as error:
        raise _unclear(text, str(error)) from error
    if not dots and len(begin) != 10:
        raise _unclear(text, "one instant is no range")
    if since is not None and until is not None and until <= since:
        raise _unclear(text, "it ends before it begins")
    return since, until


def _first_moment(text: str) -> datetime:
    moment = parse_day_or_instant(text)
    return moment.astimezone(UTC) if isinstance(moment, datetime) else _midnight(moment)


def _behind(text: str) -> datetime:
    """Return the first moment that is left out: an instant itself, or the end of a day."""
    moment = parse_day_or_instant(text)
    return moment.astimezone(UTC) if isinstance(moment, datetime) else _midnight(moment) + timedelta(days=1)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _unclear(text: str, why: str) -> UsageProblem:
    return UsageProblem("stretch-unclear", f"{text!r} is no stretch", where=text, why=why, hint=_HINT)
