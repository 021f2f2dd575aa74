"""Takes a portion apart, and folds every fact of it into the states that it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from streams.codec.blocks import Entry
from streams.codec.registry import decode_fact
from streams.core import events as facts
from streams.core.events import AnyFact, Event, MessageOutcome
from streams.core.ids import identify
from streams.embedded.journal import LoggedDecision
from streams.ops.read_model import columns, rows, spending, tables
from streams.ops.read_model.aside import Aside
from streams.ops.read_model.columns import order_of, pack
from streams.ops.read_model.portions import Portion
from streams.ops.read_model.putting import Kept, Put, parts
from streams.ops.read_model.rows import CaseState, MessageState, OrderState, ReviewState, TroubleState
from streams.ops.read_model.spending import Answered, Behind, CostState, Granted
from streams.ops.read_model.tables import text_of
from streams.ops.read_model.tally import Tally
from streams.pipeline.outcomes import SOURCE as OUTCOMES
from streams.pipeline.processor import TICK_ORDER
from streams.problems import InputProblem

_MAILS: Final = (facts.MessageHeld, facts.MessageQueued, facts.MessageWithdrawn, MessageOutcome)


class Fold:
    """One portion on its way into the tables."""

    def __init__(self, connection: Connection, put: Put) -> None:
        self._connection = connection
        self._put = put
        self._orders = Kept(tables.ORDERS, OrderState, rows.words)
        self._cases = Kept(tables.CASES, CaseState, columns.case_columns)
        self._troubles = Kept(tables.TROUBLES, TroubleState, columns.trouble_columns)
        self._reviews = Kept(tables.REVIEWS, ReviewState, columns.review_columns)
        self._messages = Kept(tables.MESSAGES, MessageState, columns.message_columns)
        self._costs = Kept(tables.COSTS, CostState, columns.cost_columns)
        self._tally = Tally()
        self._aside = Aside(connection, put, self._tally)
        self._numbers: set[tuple[str, str]] = set()
        self._now: datetime | None = None

    def take(self, portion: Portion) -> None:
        """Fold it and write everything that it moves."""
        events = self._typed(portion)
        new = self._unknown(portion.decided)
        self._load(events, new)
        for event in events:
            self._hear(event)
        for logged in new:
            self._decide(logged)
        self._write_events(portion)
        self._write_decisions(new)
        self._write_letters(
            [*portion.letters, *(one.fact for one in new if isinstance(one.fact, facts.MessageQueued))]
        )
        self._aside.bury(portion)
        self._aside.park(portion)
        for kept in (self._orders, self._cases, self._troubles, self._reviews, self._messages, self._costs):
            kept.write(self._connection, self._put, self._tally.gauges)
        self._tally.write(self._connection, self._put)
        self._write_now()

    # -------------------------------------------------------------------- reading

    def _typed(self, portion: Portion) -> list[Event]:
        """Return the events that can be understood; all others are kept, and say nothing."""
        events = []
        for heard in portion.heard:
            entry = heard.entry
            if self._now is None or entry.recorded_at > self._now:
                self._now = entry.recorded_at
            if entry.order_id == TICK_ORDER:
                continue
            try:
                fact = decode_fact(entry.type, entry.data)
            except InputProblem:
                continue
            events.append(_event(entry, fact))
        return events

    def _unknown(self, decided: Sequence[LoggedDecision]) -> list[LoggedDecision]:
        """Return what was not decided before, each id once."""
        known: set[str] = set()
        table = tables.DECISIONS
        for some in parts({order_of(one.fact) for one in decided}):
            query = select(table.c.id).where(table.c.order_id.in_(some))
            known.update(self._connection.execute(query).scalars())
        new = []
        for one in decided:
            if one.id not in known:
                known.add(one.id)
                new.append(one)
        return new

    def _load(self, events: Sequence[Event], new: Sequence[LoggedDecision]) -> None:
        found = [one.fact for one in new]
        resolved = [event.fact for event in events if isinstance(event.fact, facts.ReviewResolved)]
        load = self._connection
        self._orders.load(load, {event.order_id for event in events} | {order_of(fact) for fact in found})
        self._troubles.load(load, _named(found, "exception_id"))
        self._messages.load(load, _named(found, "message_id"))
        spends = [fact for fact in found if isinstance(fact, Granted | Answered)]
        self._costs.load(load, {spending.remedy_id(fact) for fact in spends})
        self._reviews.load(load, _named([*found, *resolved], "review_id"))
        cases = {review.case_id for review in self._reviews.states.values()} - {""}
        self._cases.load(load, cases | _named(found, "case_id"))
        self._reviews.load(load, {one for case in self._cases.states.values() for one in case.reviews})

    # -------------------------------------------------------------------- events

    def _hear(self, event: Event) -> None:
        order = self._order(event.order_id)
        rows.hear(order, event)
        if event.source != OUTCOMES:
            self._tally.count("events", event.recorded_at)
        if isinstance(event.fact, facts.ReviewResolved):
            review = self._review(event.fact)
            rows.resolve(review, event.fact, event.recorded_at)
            case = self._cases.states.get(review.case_id)
            if case is not None:
                case.reviews.pop(review.review_id, None)
        elif isinstance(event.fact, facts.OrderPlaced):
            self._tally.count("orders", event.recorded_at)
        self._announce(event.order_id, event.fact)

    def _announce(self, order_id: str, fact: AnyFact) -> None:
        number = rows.numbers(fact)
        if number:
            self._numbers.add((number, order_id))

    def _order(self, order_id: str) -> OrderState:
        return self._orders.states.setdefault(order_id, OrderState(order_id))

    def _review(
        self, fact: facts.ReviewResolved | facts.ReviewRequested | facts.ReviewExpired
    ) -> ReviewState:
        return self._reviews.states.setdefault(fact.review_id, ReviewState(fact.review_id, fact.order_id))

    # -------------------------------------------------------------------- decisions

    def _decide(self, logged: LoggedDecision) -> None:
        fact, now = logged.fact, logged.now
        order = self._order(order_of(fact))
        order.last_at = max(order.last_at or now, now)
        self._announce(order.order_id, fact)
        if isinstance(fact, (facts.ExceptionOpened, facts.ExceptionChanged)):
            self._open(order, fact, now)
        elif isinstance(fact, facts.ExceptionCleared):
            self._clear(order, fact, now)
        elif isinstance(fact, facts.ReviewRequested):
            self._ask(fact, now)
        elif isinstance(fact, facts.ReviewExpired):
            self._expire(fact, now)
        elif isinstance(fact, _MAILS):
            self._move(fact, now)
        elif isinstance(fact, Granted):
            self._grant(fact, now)
        elif isinstance(fact, Answered):
            spending.answer(self._cost(fact, now), fact)

    def _case(self, fact: Any) -> CaseState:
        """Return the case of a decision; it is called by its first order, not by one that made that good."""
        case = self._cases.states.setdefault(fact.case_id, CaseState(fact.case_id, fact.order_id))
        if case.order_id != fact.order_id and identify("case", fact.order_id) == fact.case_id:
            case.order_id = fact.order_id
        return case

    def _open(
        self, order: OrderState, fact: facts.ExceptionOpened | facts.ExceptionChanged, now: datetime
    ) -> None:
        known = self._troubles.states.get(fact.exception_id)
        trouble = rows.opened(fact, now)
        if known is not None:
            trouble.opened_at, trouble.since = known.opened_at, known.since
        self._troubles.states[fact.exception_id] = trouble
        case = self._case(fact)
        case.open[fact.exception_id] = (fact.kind, fact.severity, trouble.since)
        case.behind[fact.exception_id] = Behind(fact.kind, trouble.subject)
        case.latest[fact.order_id] = fact.exception_id
        order.open[fact.exception_id] = fact.kind
        if isinstance(fact, facts.ExceptionOpened):
            self._tally.count(f"opened.{fact.kind}", now)

    def _clear(self, order: OrderState, fact: facts.ExceptionCleared, now: datetime) -> None:
        order.open.pop(fact.exception_id, None)
        case = self._case(fact)
        case.open.pop(fact.exception_id, None)
        trouble = self._troubles.states.get(fact.exception_id)
        if trouble is not None:
            trouble.cleared_at = now
        self._tally.count(f"cleared.{fact.kind}", now)
        self._drop(case, lambda ids: bool(ids) and not any(one in case.open for one in ids))

    def _ask(self, fact: facts.ReviewRequested, now: datetime) -> None:
        case = self._case(fact)
        self._drop(case, lambda ids: any(one in fact.exception_ids for one in ids))  # asked anew
        review = self._review(fact)
        rows.asked(review, fact, now)
        if review.standing == "open":
            case.reviews[fact.review_id] = fact.exception_ids
        self._tally.count("review.requested", now)

    def _expire(self, fact: facts.ReviewExpired, now: datetime) -> None:
        review = self._review(fact)
        rows.expire(review, fact, now)
        self._case(fact).reviews.pop(fact.review_id, None)

    def _drop(self, case: CaseState, over: Callable[[tuple[str, ...]], bool]) -> None:
        """Close the reviews that nobody need answer any more."""
        for review_id in [one for one, ids in case.reviews.items() if over(ids)]:
            del case.reviews[review_id]
            review = self._reviews.states.get(review_id)
            if review is not None and review.standing == "open":
                review.standing = "moot"

    def _move(
        self,
        fact: facts.MessageHeld | facts.MessageQueued | facts.MessageWithdrawn | MessageOutcome,
        now: datetime,
    ) -> None:
        mail = rows.moved(self._messages.states.get(fact.message_id), fact, now)
        self._messages.states[fact.message_id] = mail
        self._tally.count(f"message.{mail.standing}", now)
        case = self._case(fact)
        if isinstance(fact, facts.MessageQueued):
            case.mails += 1
        elif isinstance(fact, facts.MessageAccepted):
            case.told_at = min(case.told_at or now, now)

    def _cost(self, fact: Granted | Answered, now: datetime) -> CostState:
        name = spending.remedy_id(fact)
        return self._costs.states.setdefault(name, CostState(name, fact.order_id, now))

    def _grant(self, fact: Granted, now: datetime) -> None:
        case = self._case(fact)
        cause = spending.cause(fact, case.behind, case.latest.get(fact.order_id))
        behind = None if cause is None else case.behind[cause]
        spending.grant(self._cost(fact, now), fact, behind, now)
        if isinstance(fact, facts.ReplacementRequested) and behind is not None:
            case.behind[fact.replacement_id] = behind  # a refund may stand in for it
        self._tally.count(f"remedy.{fact.TYPE.split('.')[0]}", now)

    # -------------------------------------------------------------------- writing

    def _write_events(self, portion: Portion) -> None:
        every = [columns.event_columns(one) for one in portion.heard if one.entry.order_id != TICK_ORDER]
        every.sort(key=lambda row: str(row["order_id"]))  # neighbors in the table are written together
        self._put(self._connection, tables.EVENTS, every, first=True)
        names = [{"number": number, "order_id": order_id} for number, order_id in sorted(self._numbers)]
        self._put(self._connection, tables.TRACKING, names, first=True)

    def _write_decisions(self, new: Sequence[LoggedDecision]) -> None:
        self._put(self._connection, tables.DECISIONS, list(map(columns.decision_columns, new)), first=True)

    def _write_letters(self, mails: Iterable[facts.MessageQueued]) -> None:
        every = [
            {"message_id": mail.message_id, "body": pack(mail)} for mail in mails if mail.letter is not None
        ]
        self._put(self._connection, tables.MAIL_LETTERS, every)

    def _write_now(self) -> None:
        if self._now is not None:
            now = text_of(self._now)
            known = select(tables.META.c.value).where(tables.META.c.name == "now")
            if now > (self._connection.execute(known).scalar() or ""):
                self._put(self._connection, tables.META, [{"name": "now", "value": now}])


def _event(entry: Entry, fact: AnyFact) -> Event:
    return Event(
        id=entry.id,
        source=entry.source,
        order_id=entry.order_id,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        fact=fact,
    )


def _named(found: Iterable[AnyFact], name: str) -> set[str]:
    return {one for fact in found if isinstance(one := getattr(fact, name, None), str)}
