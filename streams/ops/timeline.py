"""Everything that is known about one order as a story: what we heard, what we decided, what came of it, and why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Literal, TypeVar

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact, Event, MessageOutcome
from streams.core.policy import Policy
from streams.core.zones import local, zone_or
from streams.embedded.journal import LoggedDecision
from streams.ops.rules import Rules, judged_today
from streams.ops.telling import say
from streams.pipeline.correlate import PATIENCE, Parked
from streams.pipeline.dead_letters import DeadLetter

Who = Literal["heard", "decided", "done", "waits", "set aside"]
_LATE = timedelta(minutes=15)  # news that took longer is shown with the moment at which it happened
_Fact = TypeVar("_Fact", bound=facts.Decision)
_OURS = "firstword/effects"  # outcomes stand in the decision log as well; once is enough


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger knows about one message."""

    message_id: str
    state: str
    attempt: int
    reply: str
    subject: str
    next_attempt_at: datetime | None = None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that was written down about one order; ``fallback_zone`` is for a customer who names none."""

    order_id: str
    events: tuple[Event, ...] = ()
    decisions: tuple[LoggedDecision, ...] = ()
    parked: tuple[Parked, ...] = ()
    dead: tuple[DeadLetter, ...] = ()
    mails: Mapping[str, Mail] = {}
    fallback_zone: str = "UTC"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the story. ``at`` is when we knew; ``happened`` when it was, if that is long before.

    ``rule`` names the policy's table behind a decision; ``today`` says whether today's policy, where one was
    given, decides the same.
    """

    at: datetime
    local: str
    who: Who
    type: str
    id: str
    says: str
    because: tuple[str, ...] = ()
    happened: datetime | None = None
    rule: str = ""
    today: Literal["", "same", "otherwise"] = ""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The story of an order; ``standing`` says where it stands, and why nothing was sent where nothing was.

    ``policy`` is the name and version of today's, where one was given.
    """

    order_id: str
    time_zone: str
    entries: tuple[Entry, ...]
    standing: tuple[str, ...]
    mails: tuple[Mail, ...]
    policy: str = ""


def tell(known: Known, policy: Policy | None = None) -> Timeline:
    """Return the story of an order, in the order in which we came to know it; ``policy`` is today's."""
    zone = _zone(known)
    rules = Rules(known.decisions)
    today = {} if policy is None else judged_today(known.events, known.decisions, policy)
    entries = chain(
        (_from_event(event, zone) for event in known.events if event.source != _OURS),
        [
            _from_decision(logged, zone, known.mails, rules, today)
            for logged in known.decisions
            if not _is_echo(logged)
        ],
        (_from_parked(waits, zone) for waits in known.parked),
        (_from_dead(letter, zone) for letter in known.dead),
    )
    return Timeline(
        order_id=known.order_id,
        time_zone=zone,
        # Sorting is stable: what was decided at the moment of an event stands behind it.
        entries=tuple(sorted(entries, key=lambda entry: entry.at)),
        standing=(*_standing(known, zone), *_today(known.order_id, today, policy)),
        mails=tuple(known.mails.values()),
        policy="" if policy is None else policy.version,
    )


def local_time(moment: datetime, zone: str) -> str:
    """Return a moment on the customer's clock: ``Fri 2026-11-20 15:10``."""
    return f"{local(moment, zone):%a %Y-%m-%d %H:%M}"


# ---------------------------------------------------------------------------- entries


def _from_event(event: Event, zone: str) -> Entry:
    late = event.recorded_at - event.occurred_at > _LATE
    return Entry(
        at=event.recorded_at,
        local=local_time(event.recorded_at, zone),
        who="heard",
        type=event.fact.TYPE,
        id=f"{event.source} {event.id}",
        says=say(event.fact),
        because=(f"it happened at {local_time(event.occurred_at, zone)}",) if late else (),
        happened=event.occurred_at if late else None,
    )


def _from_decision(
    logged: LoggedDecision, zone: str, mails: Mapping[str, Mail], rules: Rules, today: Mapping[str, bool]
) -> Entry:
    same = today.get(logged.id)
    return Entry(
        at=logged.now,
        local=local_time(logged.now, zone),
        who="decided" if isinstance(logged.fact, facts.Decision) else "done",
        type=logged.type,
        id=logged.id,
        says=say(logged.fact),
        because=tuple(_because(logged.fact, zone, mails)),
        rule=rules.behind(logged.fact) if isinstance(logged.fact, facts.Decision) else "",
        today="" if same is None else "same" if same else "otherwise",
    )


def _is_echo(logged: LoggedDecision) -> bool:
    """True for news of a replacement on its second way in: it was said when it was decided."""
    return isinstance(logged.fact, facts.ReplacementProgressed) and logged.id != logged.fact.decision_id


def _because(fact: AnyFact, zone: str, mails: Mapping[str, Mail]) -> Iterator[str]:
    for evidence in getattr(fact, "evidence", ()):
        yield f"{evidence.reads} [{evidence.event_id}]"
    if isinstance(fact, facts.MessageHeld) and fact.until is not None:
        yield f"until {local_time(fact.until, zone)}"
    if isinstance(fact, facts.MessageQueued):
        yield f"message {fact.message_id}"
        mail = mails.get(fact.message_id)
        if mail is not None:
            yield f"the ledger says {_ledger(mail, zone)}"


def _ledger(mail: Mail, zone: str) -> str:
    again = f", again at {local_time(mail.next_attempt_at, zone)}" if mail.next_attempt_at else ""
    return f"{mail.state} after attempt {mail.attempt}{again}" + (f": {mail.reply}" if mail.reply else "")


def _from_parked(waits: Parked, zone: str) -> Entry:
    until = local_time(waits.since + PATIENCE, zone)
    return Entry(
        at=waits.since,
        local=local_time(waits.since, zone),
        who="waits",
        type=waits.incoming.fact.TYPE,
        id=f"{waits.incoming.source} {waits.incoming.id}",
        says=f"parked, for no order has announced {waits.key}: {say(waits.incoming.fact)}",
        because=(f"from {waits.place}", f"becomes a dead letter at {until}"),
        happened=waits.incoming.occurred_at,
    )


def _from_dead(letter: DeadLetter, zone: str) -> Entry:
    return Entry(
        at=letter.at,
        local=local_time(letter.at, zone),
        who="set aside",
        type="dead_letter",
        id=letter.id,
        says=f"a record of {letter.source} was not understood [{letter.code}]: {letter.why}",
        because=tuple(text for text in (f"from {letter.place}", letter.hint) if text),
    )


# ---------------------------------------------------------------------------- where it stands


def _standing(known: Known, zone: str) -> Iterator[str]:
    """Say what is open and what was told; where nothing was told, say why."""
    if known.parked and not known.events:
        yield "no order has announced this tracking number, so nothing is judged"
        return
    if not any(isinstance(event.fact, facts.OrderPlaced) for event in known.events):
        yield "order.placed never came, so nothing is judged and nobody can be written to"
    opened = {one.exception_id: one for one in _of(known, facts.ExceptionOpened)}
    if not opened:
        yield "nothing was ever wrong with it, so nothing was sent"
    cleared = {one.exception_id for one in _of(known, facts.ExceptionCleared)}
    told = _told(known)
    for exception_id, exception in opened.items():
        state = "over" if exception_id in cleared else "open"
        what = f"{exception.kind} about {exception.subject} is {state}"
        if exception_id in told:
            yield f"{what}; the customer was told at {local_time(told[exception_id], zone)}"
        else:
            yield f"{what}; the customer was not told: {_why_not(known, exception, state, zone)}"
    for review in _open_reviews(known):
        yield f"review {review.review_id} waits for a person, because of {review.reason.replace('_', ' ')}"
    for mail in known.mails.values():
        if mail.state not in {"accepted", "withdrawn"}:
            yield f"mail {mail.message_id} is {_ledger(mail, zone)}"


def _today(order_id: str, today: Mapping[str, bool], policy: Policy | None) -> Iterator[str]:
    """Say what today's policy thinks of what was decided then."""
    if policy is None or not today:
        return
    otherwise = sum(not same for same in today.values())
    if not otherwise:
        yield f"today's policy, {policy.version}, decides the same"
    else:
        yield (
            f"today's policy, {policy.version}, decides {otherwise} of {len(today)} otherwise"
            f" (`firstword replay --order {order_id}` tells how)"
        )


def _told(known: Known) -> dict[str, datetime]:
    """Return when the relay first accepted a mail about each exception."""
    queued = {one.message_id: one for one in _of(known, facts.MessageQueued)}
    told: dict[str, datetime] = {}
    for logged in known.decisions:
        if isinstance(logged.fact, facts.MessageAccepted) and logged.fact.message_id in queued:
            for exception_id in queued[logged.fact.message_id].exception_ids:
                told.setdefault(exception_id, logged.now)
    return told


def _why_not(known: Known, exception: facts.ExceptionOpened, state: str, zone: str) -> str:
    """Return the last thing that was decided about telling an exception, or what its absence means."""
    last: AnyFact | None = None
    ours: set[str] = set()
    for logged in known.decisions:
        fact = logged.fact
        if isinstance(fact, facts.MessageQueued) and exception.exception_id in fact.exception_ids:
            ours.add(fact.message_id)
        if isinstance(fact, MessageOutcome) and fact.message_id in ours:
            last = fact
        elif isinstance(fact, (facts.MessageHeld, facts.MessageWithdrawn)):
            last = fact if fact.case_id == exception.case_id else last
    if isinstance(last, facts.MessageHeld) and last.until is not None and state == "open":
        return f"{say(last)}, until {local_time(last.until, zone)}"
    if last is not None and (state == "open" or not isinstance(last, facts.MessageHeld)):
        return say(last)
    if state == "over":
        return "it was over before it was time to tell"
    return "the policy tells nothing about it, or not yet (`firstword explain " + exception.kind + "`)"


def _open_reviews(known: Known) -> Iterator[facts.ReviewRequested]:
    resolved = {
        event.fact.review_id for event in known.events if isinstance(event.fact, facts.ReviewResolved)
    }
    resolved |= {one.review_id for one in _of(known, facts.ReviewExpired)}
    over = {one.exception_id for one in _of(known, facts.ExceptionCleared)}
    asked = list(_of(known, facts.ReviewRequested))
    for number, review in enumerate(asked):
        anew = {one for later in asked[number + 1 :] for one in later.exception_ids}
        about = set(review.exception_ids)
        if review.review_id not in resolved and not (about and about <= over) and not about & anew:
            yield review


def _of(known: Known, kind: type[_Fact]) -> Iterator[_Fact]:
    for logged in known.decisions:
        if isinstance(logged.fact, kind):
            yield logged.fact


def _zone(known: Known) -> str:
    """Return the customer's zone by their latest word."""
    zone = None
    for event in known.events:
        if (
            isinstance(event.fact, (facts.OrderPlaced, facts.OrderChanged))
            and event.fact.customer is not None
        ):
            zone = event.fact.customer.time_zone or zone
    return zone_or(zone, known.fallback_zone)
