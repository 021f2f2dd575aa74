"""Rows of the tables as the structs that pages are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, cast

import msgspec
from sqlalchemy import RowMapping

from streams.core.events import ReviewReason
from streams.core.money import Money
from streams.ops.read_model import mails, story, tables
from streams.ops.read_model.rows import CaseState, MessageState, ReviewState, TroubleState
from streams.ops.read_model.shapes import (
    DoubtfulMail,
    Found,
    HeldMail,
    KindCount,
    LetterWhole,
    OpenCase,
    OpenReview,
    ParkedScan,
)
from streams.ops.reviews import Review
from streams.pipeline.correlate import PATIENCE
from streams.pipeline.dead_letters import KEPT_OF_DEAD_LETTER
from streams.pipeline.parked import Written, parked_of

DAYS: Final = 14  # that the first page draws, and over which a usual hour is measured
_HOUR = timedelta(hours=1)
_UNCLEAR: Final = ("in_doubt", "refused")
_case = msgspec.msgpack.Decoder(CaseState).decode
_parked = msgspec.msgpack.Decoder(Written).decode
Hours = Mapping[str, Mapping[str, int]]
"""What was counted, by name and hour."""


def plain(row: RowMapping) -> dict[str, Any]:
    """Return a row by the names of its columns."""
    return {str(name): value for name, value in row.items()}


def open_case(row: RowMapping) -> OpenCase:
    """Return a case with something open."""
    case = _case(row["state"])
    since = case.since
    assert since is not None  # it is open
    return OpenCase(
        order_id=case.order_id,
        case_id=case.case_id,
        kinds=tuple(sorted({kind for kind, _, _ in case.open.values()})),
        severity=case.severity,
        since=since,
        country=row["country"] or None,
        told_at=case.told_at,
    )


def found(order_id: str, by: story.By, row: RowMapping | None) -> Found:
    """Return an order that a search found."""
    if row is None:
        return Found(order_id=order_id, by=by)
    return Found(
        order_id=order_id,
        by=by,
        placed_at=tables.moment_of(row["placed_at"]),
        country=row["country"] or None,
        open_kinds=tuple(row["open_kinds"].split()),
    )


def open_review(state: ReviewState, troubles: dict[str, TroubleState]) -> OpenReview:
    """Return a review that waits."""
    about = [troubles[one] for one in state.exception_ids if one in troubles]
    assert state.asked_at is not None  # it is open
    return OpenReview(
        review_id=state.review_id,
        order_id=state.order_id,
        case_id=state.case_id,
        reason=state.reason,
        remedies=state.remedies,
        cost=state.cost or Money(minor=0, currency="USD"),
        kinds=tuple(dict.fromkeys(one.kind for one in about)),
        evidence=tuple(sentence for one in about for sentence in one.evidence),
        asked_at=state.asked_at,
    )


def question(state: ReviewState) -> Review:
    """Return a review that waits, as what would follow from a word about it is asked."""
    assert state.asked_at is not None  # it is open
    return Review(
        review_id=state.review_id,
        order_id=state.order_id,
        case_id=state.case_id,
        partition=0,
        reason=cast("ReviewReason", state.reason),
        exception_ids=state.exception_ids,
        remedies=state.remedies,
        cost=state.cost or Money(minor=0, currency="USD"),
        asked_at=state.asked_at,
    )


def held(mail: MessageState) -> HeldMail:
    """Return a mail that waits in its order."""
    return HeldMail(
        message_id=mail.message_id,
        order_id=mail.order_id,
        template=mail.template,
        reason=mail.reason,
        since=mail.held_since or mail.changed_at,
        until=mail.until,
    )


def doubtful(mail: MessageState, row: mails.Row | None) -> DoubtfulMail | None:
    """Return a mail as the ledger knows it now; None when the ledger knows better than we have heard."""
    standing = mail.standing if row is None else row.mail.state
    if standing not in _UNCLEAR:
        return None
    return DoubtfulMail(
        message_id=mail.message_id,
        order_id=mail.order_id,
        template=mail.template,
        state=cast("Literal['in_doubt', 'refused']", standing),
        attempt=mail.attempt if row is None else row.mail.attempt,
        reply=mail.reply if row is None else row.mail.reply,
        subject="" if row is None else row.mail.subject,
        queued_at=(mail.queued_at or mail.changed_at) if row is None else row.queued_at,
        updated_at=mail.changed_at if row is None else row.updated_at,
    )


def scan(body: bytes) -> ParkedScan:
    """Return a parked scan."""
    waits = parked_of(_parked(body))
    return ParkedScan(
        key=waits.key,
        source=waits.incoming.source,
        place=waits.place,
        since=waits.since,
        expires=waits.since + PATIENCE,
    )


def whole(row: RowMapping) -> LetterWhole:
    """Return a dead letter with its payload."""
    words = plain(row)
    raw = bytes(words.pop("raw"))
    return msgspec.convert(
        {**words, "payload": _readable(raw), "cut": len(raw) >= KEPT_OF_DEAD_LETTER}, LetterWhole
    )


def _readable(raw: bytes) -> str:
    """Return a payload for people: JSON with its lines broken, anything else as far as it is text."""
    text = raw.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def on(hours: Hours, name: str, day: date | None) -> int:
    """Return what was counted on a day."""
    return sum(count for hour, count in hours.get(name, {}).items() if hour[:10] == f"{day}")


def kinds(
    gauges: Mapping[str, int], hours: Hours, days: Sequence[date], now: datetime | None
) -> tuple[KindCount, ...]:
    """Return every kind that was ever open or opened."""
    names = {name.partition(".")[2] for name in (*gauges, *hours) if name.startswith(("open.", "opened."))}
    return tuple(_kind(kind, gauges.get(f"open.{kind}", 0), hours, days, now) for kind in sorted(names))


def _kind(kind: str, is_open: int, hours: Hours, days: Sequence[date], now: datetime | None) -> KindCount:
    """Return a kind beside its usual: the hour that ``now`` is in or the one before, whichever has more."""
    name = f"opened.{kind}"
    counted = hours.get(name, {})
    latest = [] if now is None else [tables.text_of(at)[:13] for at in (now, now - _HOUR)]
    before = sum(count for hour, count in counted.items() if hour not in latest)
    return KindCount(
        kind=kind,
        open=is_open,
        opened=tuple(on(hours, name, day) for day in days),
        last_hour=max((counted.get(hour, 0) for hour in latest), default=0),
        usual_hour=before / (DAYS * 24),
    )
