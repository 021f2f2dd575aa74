"""The rules of the mail ledger: one row per message, and the only ways it may change.

::

    claimed ──> sending ──> accepted
       │           ├──────> refused     (a person may reopen it)
       │           ├──────> in_doubt    (a person, or the template's rule, decides)
       │           └──────> deferred ──> claimed (next attempt)
       ├──> deferred, refused, suppressed
       └──> withdrawn <── deferred

``claimed`` is durable before a connection is used, ``sending`` before the final dot. A row still in
``sending`` after its owner died is therefore the only one whose mail may have gone out unseen.
Every change is a compare-and-set: who lost a race, or was declared dead, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

import msgspec

from streams.core.events import (
    MessageAccepted,
    MessageDeferred,
    MessageInDoubt,
    MessageOutcome,
    MessageQueued,
    MessageRefused,
    MessageSuppressed,
)
from streams.mail.outcomes import (
    Accepted,
    Delivery,
    OurFault,
    Permanent,
    Temporary,
    Unknown,
    without_addresses,
)
from streams.pipeline.ports import Pin

State = Literal[
    "claimed", "sending", "accepted", "deferred", "refused", "in_doubt", "suppressed", "withdrawn"
]
DoubtRule = Literal["leave", "resend_once"]

# Minutes after the first, second, ... failed attempt; the last one repeats (house rule: email notes 2.3).
RETRY_AFTER: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=60),
)
GIVE_UP_AFTER: Final = timedelta(hours=24)  # a late apology is worth less; then the shop is told
# A foreign owner's unfinished row is an orphan after this: longer than connect 10 s + commands 60 s each +
# final reply 600 s, so that nobody alive can still be at it.
LEASE: Final = timedelta(minutes=20)

_MOVES: Final[dict[State, frozenset[State]]] = {
    "claimed": frozenset({"claimed", "sending", "deferred", "refused", "suppressed", "withdrawn"}),
    "sending": frozenset({"accepted", "deferred", "refused", "in_doubt"}),
    "deferred": frozenset({"claimed", "refused", "withdrawn"}),
    "refused": frozenset({"deferred"}),
    "in_doubt": frozenset({"deferred", "accepted"}),
    "accepted": frozenset(),
    "suppressed": frozenset(),
    "withdrawn": frozenset(),
}
# A mail in one of these states never reached anyone, so its subject does not name the conversation.
UNSEEN: Final[tuple[State, ...]] = ("refused", "suppressed", "withdrawn")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows about one message.

    ``letter`` is the queued message as msgpack, so that a retry after a restart can send it; it is dropped
    once the mail is accepted, because the ledger is kept for ever and personal data need not be.
    ``doubts`` counts how often its fate was unknown. ``thread_place`` is how many mails of the case came
    before. ``attempt`` counts from 1. ``untold_since`` is when it came to stand as it does, until those who
    must hear of that have heard; None where they have, or where nobody keeps count. ``template_version`` are
    the words it is written with, whatever becomes of them meanwhile, and ``variant`` which of several
    wordings; both are empty until they are chosen.
    """

    message_id: str
    order_id: str
    case_id: str
    template: str
    locale: str
    to_hash: str
    thread_place: int
    subject: str
    state: State
    attempt: int
    doubts: int
    queued_at: datetime
    next_attempt_at: datetime | None
    claimed_by: str
    generation: int
    letter: bytes | None
    reply: str
    updated_at: datetime
    untold_since: datetime | None = None
    template_version: str = ""
    variant: str = ""

    @property
    def pin(self) -> Pin:
        """Return the words it is written with."""
        return Pin(self.template_version, self.variant)


class Told(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An outcome that was told: which attempt of which message, and how it ended."""

    message_id: str
    state: str
    attempt: int


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one row, made only if the row still is ``old``."""

    old: Row
    new: Row


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a claim: ``row`` is ours when ``fresh``, and what was there before when not.

    ``barred`` is why the address is written to no more; ``first_subject`` is the case's, if it has one.
    """

    row: Row
    fresh: bool
    barred: str | None = None
    first_subject: str | None = None


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """Answers in the order asked: one per claim, and whether each swap won."""

    claims: tuple[Claim, ...] = ()
    swaps: tuple[bool, ...] = ()


class LedgerWriter(Protocol):
    """What changes the ledger; every call is durable when it returns."""

    slow: bool
    """Whether a write waits for a disk or a network, and had better not be made on the event loop."""
    shared: bool
    """Whether other processes work on it, so that somebody must look after those that died for good."""

    def enroll(self, owner: str) -> int:
        """Return the next generation of ``owner``; rows of its earlier generations are orphans."""
        ...

    def write(self, claims: Sequence[Row] = (), swaps: Sequence[Swap] = ()) -> Written:
        """Insert rows that are absent and change rows that are as expected, in one transaction.

        Raises:
            streams.problems.WorldProblem: the store cannot be written.
        """
        ...

    def bar(self, to_hash: str, why: str, now: datetime) -> None:
        """Write to this address no more, for whatever order; the first reason stands.

        Raises:
            streams.problems.WorldProblem: the store cannot be written.
        """
        ...

    def told(self, outcomes: Sequence[Told]) -> None:
        """Note outcomes as told; a row that has moved on meanwhile is left alone.

        Raises:
            streams.problems.WorldProblem: the store cannot be written.
        """
        ...

    def keep_sources(self, version: str, template: str, sources: bytes, now: datetime) -> None:
        """Keep what a version of a template is made of, for ever; the same again changes nothing.

        Raises:
            streams.problems.WorldProblem: the store cannot be written.
        """
        ...


class LedgerReader(Protocol):
    """What can be asked."""

    def find(self, message_id: str) -> Row | None:
        """Return a message's row."""
        ...

    def due(self, now: datetime, limit: int = 1000) -> list[Row]:
        """Return deferred rows whose time has come, the longest waiting first; what is untold waits."""
        ...

    def next_due(self) -> datetime | None:
        """Return when the next deferred row comes due."""
        ...

    def untold(self, since: datetime, limit: int = 500) -> list[Row]:
        """Return rows of which nobody has heard since then or longer, the longest waiting first."""
        ...

    def next_untold(self) -> datetime | None:
        """Return since when the longest waiting row of which nobody has heard stands as it does."""
        ...

    def oldest(self) -> dict[str, datetime]:
        """Return per state of ``claimed``, ``sending`` and ``deferred`` since when its oldest row waits."""
        ...

    def unfinished(self, since: datetime | None = None) -> list[Row]:
        """Return every row in ``claimed`` or ``sending``; with ``since`` those that nobody touched since then."""
        ...

    def first_subject(self, case_id: str) -> str | None:
        """Return the subject of the case's first mail that reached, or may yet reach, the customer."""
        ...

    def counts(self) -> dict[str, int]:
        """Return how many messages stand in each state."""
        ...

    def is_barred(self, to_hash: str) -> bool:
        """Return whether an address is written to no more."""
        ...

    def sources(self, version: str) -> bytes | None:
        """Return what was kept under a version."""
        ...


class Ledger(LedgerWriter, LedgerReader, Protocol):
    """What was really done with every message."""


# ---------------------------------------------------------------------------- rules


def ensure_legal(swap: Swap) -> None:
    """Hold a change against the drawing above.

    Raises:
        ValueError: our own code wants a change that the rules do not know.
    """
    if swap.new.state not in _MOVES[swap.old.state] or swap.new.message_id != swap.old.message_id:
        raise ValueError(f"{swap.old.state} cannot become {swap.new.state} ({swap.old.message_id})")


_NO_PIN: Final = Pin()


def claimed(message: MessageQueued, now: datetime, owner: str, generation: int, pin: Pin = _NO_PIN) -> Row:
    """Return the first row of a message: we mean to send it, in these words."""
    return Row(
        message_id=message.message_id,
        order_id=message.order_id,
        case_id=message.case_id,
        template=message.template,
        locale=message.locale,
        to_hash=message.to_hash,
        thread_place=len(message.thread),
        subject="",
        state="claimed",
        attempt=1,
        doubts=0,
        queued_at=now,
        next_attempt_at=None,
        claimed_by=owner,
        generation=generation,
        letter=msgspec.msgpack.encode(message),
        reply="",
        updated_at=now,
        template_version=pin.version,
        variant=pin.variant,
    )


def tombstone(message_id: str, now: datetime) -> Row:
    """Return the row of a message that was withdrawn before it ever came: it will find the door closed."""
    return Row(
        message_id=message_id,
        order_id="",
        case_id="",
        template="",
        locale="",
        to_hash="",
        thread_place=0,
        subject="",
        state="withdrawn",
        attempt=0,
        doubts=0,
        queued_at=now,
        next_attempt_at=None,
        claimed_by="",
        generation=0,
        letter=None,
        reply="",
        updated_at=now,
    )


def reclaimed(row: Row, now: datetime, owner: str, generation: int) -> Row:
    """Return the row of the next attempt."""
    return msgspec.structs.replace(
        row,
        state="claimed",
        attempt=row.attempt + 1,
        next_attempt_at=None,
        claimed_by=owner,
        generation=generation,
        updated_at=now,
        untold_since=None,
    )


def pinned(row: Row, pin: Pin) -> Row:
    """Return the row of a mail that is written in these words from now on."""
    return msgspec.structs.replace(row, template_version=pin.version, variant=pin.variant)


def is_orphan(row: Row, now: datetime, owner: str, generation: int) -> bool:
    """Return whether nobody alive can be working on an unfinished row."""
    if row.claimed_by == owner:
        return row.generation < generation
    return row.updated_at + LEASE <= now


def retry_at(row: Row, now: datetime) -> datetime | None:
    """Return when to try again after this attempt failed at ``now``; None: never."""
    again = now + RETRY_AFTER[min(row.attempt, len(RETRY_AFTER)) - 1]
    return again if again <= row.queued_at + GIVE_UP_AFTER else None


def is_too_late(row: Row, now: datetime) -> bool:
    """Return whether a waiting message has waited longer than it is worth."""
    return now > row.queued_at + GIVE_UP_AFTER


def untold(row: Row) -> Row:
    """Return the row as one whose state others must hear of."""
    return msgspec.structs.replace(row, untold_since=row.updated_at)


def settled(row: Row, delivery: Delivery, now: datetime, rule: DoubtRule = "leave") -> Row:
    """Return the row after a delivery ended so."""
    match delivery:
        case Accepted():
            return _ended(row, "accepted", delivery.reply, now, letter=None)
        case Temporary() | OurFault():
            return deferred(row, delivery.text, now)
        case Permanent():
            return _ended(row, "refused", delivery.text, now)
        case Unknown():
            return doubted(row, delivery.why, now, rule)
        case _:
            raise ValueError(f"nothing to settle in {delivery!r}")


def doubted(row: Row, why: str, now: datetime, rule: DoubtRule) -> Row:
    """Return the row of a mail whose fate is unknown; ``resend_once`` gives it one more go, under the same id."""
    once_more = rule == "resend_once" and row.doubts == 0
    row = msgspec.structs.replace(row, doubts=row.doubts + 1)
    if once_more:
        return deferred(row, f"in doubt, sent once more by rule: {why}", now)
    return _ended(row, "in_doubt", why, now)


def deferred(row: Row, reply: str, now: datetime) -> Row:
    """Return the row waiting for its next attempt, or refused when there will be none."""
    again = retry_at(row, now)
    if again is None:
        return _ended(row, "refused", f"gave up after {row.attempt} attempts: {reply}", now)
    return msgspec.structs.replace(
        row, state="deferred", reply=publishable(reply), next_attempt_at=again, updated_at=now
    )


def due_now(row: Row, reply: str, now: datetime) -> Row:
    """Return the row waiting for an attempt at once: it was interrupted, and certainly not sent."""
    return msgspec.structs.replace(
        row, state="deferred", reply=publishable(reply), next_attempt_at=now, updated_at=now
    )


def found_delivered(row: Row, now: datetime) -> Row:
    """Return the row of a mail that an interrupted delivery left where it belongs."""
    return _ended(row, "accepted", "found delivered after an interruption", now, letter=None)


def reopened(row: Row, now: datetime) -> Row:
    """Return a refused or doubtful row as if it had been queued now: a person decided so."""
    return msgspec.structs.replace(due_now(row, "reopened by hand", now), queued_at=now)


def refused(row: Row, reply: str, now: datetime) -> Row:
    """Return the row of a mail that will not be tried again by itself."""
    return _ended(row, "refused", reply, now)


def suppressed(row: Row, reply: str, now: datetime) -> Row:
    """Return the row of a mail that rules forbid."""
    return _ended(row, "suppressed", reply, now, letter=None)


def withdrawn(row: Row, now: datetime) -> Row:
    """Return the row of a mail that is no longer true."""
    return _ended(row, "withdrawn", row.reply, now, letter=None)


def _ended(row: Row, state: State, reply: str, now: datetime, **changes: None) -> Row:
    return msgspec.structs.replace(
        row, state=state, reply=publishable(reply), next_attempt_at=None, updated_at=now, **changes
    )


def publishable(reply: str) -> str:
    """Return a reply without addresses, short enough for a fact, and of characters that every database takes.

    Relays write bytes that are no text, and a NUL is a character that PostgreSQL does not know.
    """
    clean = without_addresses(reply)[:1000].replace("\0", " ")
    return clean if clean.isascii() else clean.encode("utf-8", "replace").decode()


# ---------------------------------------------------------------------------- what to say about a row

_OUTCOMES: Final[dict[State, type[MessageOutcome]]] = {
    "accepted": MessageAccepted,
    "deferred": MessageDeferred,
    "refused": MessageRefused,
    "in_doubt": MessageInDoubt,
    "suppressed": MessageSuppressed,
}


def outcome(row: Row) -> tuple[MessageOutcome, ...]:
    """Return the fact that a row stands for; an unfinished or withdrawn row stands for none yet."""
    kind = _OUTCOMES.get(row.state)
    if kind is None:
        return ()
    return (
        kind(
            order_id=row.order_id,
            message_id=row.message_id,
            case_id=row.case_id,
            template=row.template,
            locale=row.locale,
            to_hash=row.to_hash,
            attempt=row.attempt,
            reply=row.reply or None,
        ),
    )
