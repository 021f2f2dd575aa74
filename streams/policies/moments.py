"""Times, days, amounts and pieces as people write them in tests: ``Fri 2026-11-20 10:15``, ``12.50 USD``, ``2 PEN``."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from streams.core.events import Pieces
from streams.core.money import Money, decimals
from streams.policies.readers import currency
from streams.policies.refusal import Refusal

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOMENT = re.compile(
    r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?)?"
)
_AMOUNT = re.compile(r"(\d{1,9})(?:\.(\d+))? ([A-Z]{3})")
_PIECES = re.compile(r"(\d{1,6}) (?:x )?(\S+)")
CODE = "policy-test-unclear"


def take_moment(text: str, zone: str) -> tuple[datetime, str]:
    """Split a sentence into the time it begins with, in UTC, and the rest.

    A time without an offset is read on the clock of ``zone``; a weekday that does not fit is refused.

    Raises:
        Refusal: there is no time, or no such day.
    """
    found = _MOMENT.match(text)
    if found is None or found[3] is None:
        raise Refusal(CODE, f"`{text}` does not begin with a time", "such as `Fri 2026-11-20 10:15`")
    return _moment(found, zone), text[found.end() :].strip()


def read_moment(text: str, zone: str) -> datetime:
    """Read one time and nothing else.

    Raises:
        Refusal: it is not a time.
    """
    moment, rest = take_moment(text.strip(), zone)
    if rest:
        raise Refusal(CODE, f"`{rest}` stands behind the time")
    return moment


def read_day(text: str) -> date:
    """Read one calendar day, with or without its weekday.

    Raises:
        Refusal: it is not a day.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None or found[3] is not None:
        raise Refusal(CODE, f"`{text}` is not a day", "such as `Fri 2026-11-20`")
    return _day(found)


def day_or_moment(text: str, zone: str) -> date | datetime:
    """Read a day, or a time when there is one.

    Raises:
        Refusal: it is neither.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise Refusal(
            CODE, f"`{text}` is neither a day nor a time", "such as `2026-11-20` or `2026-11-20 10:15`"
        )
    return _day(found) if found[3] is None else _moment(found, zone)


def _day(found: re.Match[str]) -> date:
    try:
        day = date.fromisoformat(found[2])
    except ValueError as error:
        raise Refusal(CODE, f"there is no day {found[2]}") from error
    weekday = _WEEKDAYS[day.weekday()]
    if found[1] not in {None, weekday}:
        raise Refusal(
            CODE, f"{found[2]} is not a {found[1]}", f"write `{weekday} {found[2]}`, or move the day"
        )
    return day


def _moment(found: re.Match[str], zone: str) -> datetime:
    day = _day(found)
    try:
        moment = datetime.fromisoformat(f"{day.isoformat()}T{found[3]}{found[4] or ''}")
    except ValueError as error:
        raise Refusal(CODE, f"there is no time {found[3]}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC)


def spell_moment(moment: datetime, zone: str) -> str:
    """Return a time as :func:`read_moment` reads it, to the minute."""
    clock = moment.astimezone(ZoneInfo(zone))
    return f"{spell_day(clock.date())} {clock:%H:%M}"


def spell_day(day: date) -> str:
    """Return a day with its weekday, in English whatever the locale."""
    return f"{_WEEKDAYS[day.weekday()]} {day.isoformat()}"


def read_amount(text: str) -> Money:
    """Read ``12.50 USD``.

    Raises:
        Refusal: it is not an amount, or has more decimals than the currency.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise Refusal(CODE, f"`{text}` is not an amount", "such as `12.50 USD`")
    code = currency(found[3])
    places, behind = decimals(code), found[2] or ""
    if len(behind) > places:
        raise Refusal(CODE, f"{code} has {places} decimals")
    return Money(minor=int(found[1] + behind.ljust(places, "0")), currency=code)


def read_pieces(text: str) -> Pieces:
    """Read ``2 SKETCHBOOK``.

    Raises:
        Refusal: it is not a number and an article.
    """
    found = _PIECES.fullmatch(text.strip())
    if found is None:
        raise Refusal(CODE, f"`{text}` is not a number and an article", "such as `2 SKETCHBOOK`")
    return Pieces(sku=found[2], quantity=int(found[1]))


def spell_pieces(piece: Pieces) -> str:
    """Return pieces as :func:`read_pieces` reads them."""
    return f"{piece.quantity} {piece.sku}"
