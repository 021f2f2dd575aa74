"""What the read model answers with: plain structs, times in UTC; names and addresses only inside of letters.

Lists come by the page: ``page`` counts from 0, and ``more`` says whether there is another.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Generic, Literal, TypeVar

import msgspec

from streams.core.events import MessageQueued
from streams.core.money import Money
from streams.ops.timeline import Timeline
from streams.pipeline.ports import Pin

PAGE = 50  # rows that a list shows at once: two screens of a laptop, eight of a phone

_Row = TypeVar("_Row")


class Page(msgspec.Struct, Generic[_Row], frozen=True, kw_only=True):
    """Some rows of a longer list; ``total`` is None where counting would cost more than showing."""

    rows: tuple[_Row, ...] = ()
    more: bool = False
    total: int | None = None


class KindCount(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of exception: open now, opened per day up to today, in the last hour, and in a usual hour."""

    kind: str
    open: int
    opened: tuple[int, ...] = ()
    last_hour: int = 0
    usual_hour: float = 0.0


class Today(msgspec.Struct, frozen=True, kw_only=True):
    """The first page. ``now`` is how far recorded time has come; counts of today are of its day, in UTC.

    ``days`` are the days behind ``KindCount.opened`` and ``told``, the oldest first.
    """

    now: datetime | None
    orders: int
    events_today: int
    mails_today: int
    open_cases: int
    reviews: int
    held: int
    dead_letters: int
    parked: int
    in_doubt: int
    kinds: tuple[KindCount, ...] = ()
    days: tuple[date, ...] = ()
    told: tuple[int, ...] = ()


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """An order with something open; ``since`` is when it became true, ``told_at`` when a mail was accepted."""

    order_id: str
    case_id: str
    kinds: tuple[str, ...]
    severity: str
    since: datetime
    country: str | None = None
    told_at: datetime | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An order that a search found, and by which of its names."""

    order_id: str
    by: Literal["order", "tracking", "email", "message", "prefix"]
    placed_at: datetime | None = None
    country: str | None = None
    open_kinds: tuple[str, ...] = ()


class OpenReview(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked: may these remedies be given to this order, at this cost."""

    review_id: str
    order_id: str
    case_id: str
    reason: str
    remedies: tuple[str, ...]
    cost: Money
    kinds: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    asked_at: datetime


class HeldMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that waits in its order; ``until`` is None where it waits for something without a date."""

    message_id: str
    order_id: str
    template: str
    reason: str
    since: datetime
    until: datetime | None = None


class LetterGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters with one code from one source that nobody has put back yet."""

    code: str
    source: str
    count: int
    newest: datetime


class LetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter in a list."""

    id: str
    source: str
    place: str
    code: str
    at: datetime
    redriven_at: datetime | None = None


class LetterWhole(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter with its payload as readable text; ``cut`` when only its beginning was kept.

    ``version`` is the program's that could not understand it.
    """

    id: str
    source: str
    place: str
    code: str
    why: str
    hint: str
    at: datetime
    payload: str
    cut: bool = False
    redriven_at: datetime | None = None
    version: str = ""


class ParkedScan(msgspec.Struct, frozen=True, kw_only=True):
    """A scan that waits for its parcel to be announced."""

    key: str
    source: str
    place: str
    since: datetime
    expires: datetime


class LedgerState(msgspec.Struct, frozen=True, kw_only=True):
    """How many mails stand in a state, and since when the oldest of those that should move on has waited."""

    state: str
    count: int
    oldest: datetime | None = None


class DoubtfulMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of which nobody knows whether it went out, or that was refused for good."""

    message_id: str
    order_id: str
    template: str
    state: Literal["in_doubt", "refused"]
    attempt: int
    reply: str
    subject: str
    queued_at: datetime
    updated_at: datetime


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters by reason, and some of them."""

    groups: tuple[LetterGroup, ...]
    page: Page[LetterRow]
    parked: Page[ParkedScan]


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """How the mails stand, and those that a person must look at."""

    states: tuple[LedgerState, ...]
    doubtful: Page[DoubtfulMail]


class VariantCount(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the cases that got one wording of a message; ``a`` are the words without a letter.

    ``mails`` were begun, ``accepted``, ``refused`` (for good) and ``bounced`` are what became of them. Of the
    ``cases`` whose mail was accepted, ``reported`` had a customer who wrote afterwards, ``written_again`` needed
    another mail of ours, ``labels`` had a return label and ``labels_used`` had it used.
    """

    template: str
    variant: str
    mails: int = 0
    accepted: int = 0
    refused: int = 0
    bounced: int = 0
    cases: int = 0
    reported: int = 0
    written_again: int = 0
    labels: int = 0
    labels_used: int = 0


class Variants(msgspec.Struct, frozen=True, kw_only=True):
    """Every wording that was tried; ``counted`` is how many of the newest mails stand behind it, None for all."""

    rows: tuple[VariantCount, ...] = ()
    counted: int | None = None


class OrderStory(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one order: its story, and its mails with the letters they were filled in from.

    ``pins`` are the words of those that were begun, by message.
    """

    timeline: Timeline
    messages: tuple[MessageQueued, ...] = ()
    pins: dict[str, Pin] = {}
    country: str | None = None
    placed_at: datetime | None = None
    open_kinds: tuple[str, ...] = ()


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far a stream was read into the tables: ``position`` is the last one that is in them."""

    stream: str
    partition: int
    position: int
