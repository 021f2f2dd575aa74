"""Times as people write them behind an option."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.core.events import parse_day_or_instant
from streams.problems import UsageProblem


def moment_of(option: str, text: str | None) -> datetime | None:
    """Read an instant with its offset, or a day, which means its first moment in UTC.

    Raises:
        UsageProblem: ``time-unclear``.
    """
    if text is None:
        return None
    try:
        moment = parse_day_or_instant(text)
    except ValueError as error:
        raise UsageProblem(
            "time-unclear",
            f"{option} {text} is no time",
            where=f"{option} {text}",
            why=str(error),
            hint="write 2026-11-28T00:00:00Z, or 2026-11-28 for its first moment in UTC",
        ) from error
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
