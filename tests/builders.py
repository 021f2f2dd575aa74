"""Builds facts, events, the world's answers and the course of a history, for unit tests and laws alike."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import chain, count

import msgspec

from streams.core import events as facts
from streams.core.events import (
    AnyFact,
    CheckpointReached,
    Customer,
    Decision,
    Event,
    FulfillmentCreated,
    MessageOutcome,
    OrderedLine,
    OrderPlaced,
    Pieces,
    PromiseWindow,
    ShipmentCreated,
    ShipmentPacked,
    Shipping,
)
from streams.core.money import Money
from streams.core.order import Order, new_order
from streams.core.policy import Policy
from streams.core.step import Step, step
from streams.pipeline.processor import Processor, tick

FRIDAY = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)
"""Friday before Thanksgiving week, a quarter past ten in New York: the hour at which our histories begin."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ORDER = "CRUNCHY-ARMCHAIR-1"
PARCEL = "PARCEL-1"
TRACKING = "1Z-FURRY-LAMP"
_numbers = count(1)


# ---------------------------------------------------------------------------- facts


def lines(counts: dict[str, int] | None = None, *, price: int | None = 1200) -> tuple[OrderedLine, ...]:
    """Return ordered lines; ``price`` in cents of a dollar, or None."""
    unit = Money(minor=price, currency="USD") if price is not None else None
    bought = {"MARKERS-BLUE": 1} if counts is None else counts
    return tuple(
        OrderedLine(sku=sku, quantity=n, title=sku.title(), unit_price=unit) for sku, n in bought.items()
    )


def pack(counts: dict[str, int]) -> tuple[Pieces, ...]:
    """Return pieces by sku."""
    return tuple(Pieces(sku=sku, quantity=n) for sku, n in counts.items())


def customer(**changes) -> Customer:
    """Return somebody in New York who reads mail."""
    said = {"customer_id": "C-7", "email": "ines@example.com", "name": "Ines", "country": "US"}
    return Customer(**{**said, "time_zone": "America/New_York", **changes})


def placed(
    order_id: str = ORDER, *, promise: str | None = "2026-11-24", bought: dict[str, int] | None = None, **more
) -> OrderPlaced:
    """Return an order; promised for the Tuesday unless told otherwise."""
    return OrderPlaced(
        order_id=order_id,
        customer=more.pop("customer", customer()),
        lines=more.pop("lines", lines(bought)),
        shipping=more.pop("shipping", Shipping(paid=Money(minor=500, currency="USD"))),
        promise=PromiseWindow(by=promise) if promise is not None else None,
        **more,
    )


def planned(
    counts: dict[str, int] | None = None,
    *,
    order_id: str = ORDER,
    fulfillment_id: str = "FUL-1",
    shipment_id: str | None = PARCEL,
    **more,
) -> FulfillmentCreated:
    """Return what the shop means to put into a box."""
    return FulfillmentCreated(
        order_id=order_id,
        fulfillment_id=fulfillment_id,
        shipment_id=shipment_id,
        lines=pack({"MARKERS-BLUE": 1} if counts is None else counts),
        **more,
    )


def packed(counts: dict[str, int], *, order_id: str = ORDER, shipment_id: str = PARCEL) -> ShipmentPacked:
    """Return a packing scan."""
    return ShipmentPacked(order_id=order_id, shipment_id=shipment_id, lines=pack(counts))


def labelled(
    *, order_id: str = ORDER, shipment_id: str = PARCEL, tracking_number: str = TRACKING, **more
) -> ShipmentCreated:
    """Return a carrier label."""
    return ShipmentCreated(
        order_id=order_id,
        shipment_id=shipment_id,
        carrier=more.pop("carrier", "Usual Post"),
        tracking_number=tracking_number,
        **more,
    )


def scanned(
    status: str, *, order_id: str | None = ORDER, shipment_id: str | None = PARCEL, **more
) -> CheckpointReached:
    """Return a carrier scan."""
    return CheckpointReached(
        order_id=order_id,
        shipment_id=shipment_id,
        tracking_number=more.pop("tracking_number", TRACKING),
        status=status,
        **more,
    )


def event(
    fact: AnyFact,
    at: datetime = FRIDAY,
    *,
    identity: str | None = None,
    source: str = "shop/eu",
    recorded_at: datetime | None = None,
) -> Event:
    """Return a fact as an event that we hear of at once, unless ``recorded_at`` says later."""
    assert fact.order_id is not None
    return Event(
        id=identity if identity is not None else f"evt-{next(_numbers)}",
        source=source,
        order_id=fact.order_id,
        occurred_at=at,
        recorded_at=at if recorded_at is None else recorded_at,
        fact=fact,
    )


# ---------------------------------------------------------------------------- state


def fold(policy: Policy, *events: Event, order: Order | None = None) -> Step:
    """Step one order through ``events`` at their recorded times; return the last step, with all decisions."""
    now = events[0].recorded_at
    state = order if order is not None else new_order(events[0].order_id)
    decided: list[Decision] = []
    done = None
    for one in events:
        now = max(now, one.recorded_at)
        done = step(state, one, now, policy)
        state = done.order
        decided.extend(done.decisions)
    assert done is not None
    return msgspec.structs.replace(done, decisions=tuple(decided))


def silence(at: datetime, order_id: str = ORDER) -> Event:
    """Return the event that says: nothing came until ``at``."""
    return event(facts.TimePassed(order_id=order_id), at, source="firstword/deadlines")


def encode_state(orders: dict[str, Order]) -> bytes:
    """Return all orders as bytes that are equal when, and only when, the states are."""
    return msgspec.msgpack.encode([orders[order_id] for order_id in sorted(orders)])


def state_hash(orders: dict[str, Order]) -> str:
    """Return a short name for a state."""
    return blake2b(encode_state(orders), digest_size=16).hexdigest()


def open_exceptions(order: Order) -> set[tuple[str, str]]:
    """Return what is open, as (kind, subject)."""
    return {(t.kind, t.subject) for t in (order.case.troubles if order.case else ()) if t.cleared_at is None}


def findings(order: Order, now: datetime, policy: Policy) -> set[tuple[str, str]]:
    """Return what the detectors say of an order at ``now``, as (kind, subject), all of them asked."""
    return {(f.kind, f.subject) for d in policy.detectors for f in d.detect(order, now, policy)[0]}


# ---------------------------------------------------------------------------- the world

Answer = tuple[timedelta, AnyFact]
World = Callable[[Decision], list[Answer]]
AT_ONCE = timedelta(0)


def silent_world(_decision: Decision) -> list[Answer]:
    """Answer nothing, ever."""
    return []


def moody_world(whims: tuple[int, ...]) -> World:
    """Return a world that answers each decision by a mood of its own, the same at every time of asking.

    ``whims`` are small numbers; a decision's identity picks one of them, so that neither the order of
    decisions nor a restart changes the answer. 0 is the mood in which everything works at once.
    """

    def answer(decision: Decision) -> list[Answer]:
        whim = whims[int(decision.decision_id[-6:], 16) % len(whims)]
        match decision:
            case facts.MessageQueued():
                return _post(decision, whim)
            case facts.ReturnLabelRequested():
                return _label(decision, whim)
            case facts.ReplacementRequested():
                return _replace(decision, whim)
            case facts.ReviewRequested():
                return _review(decision, whim)
            case facts.ReplacementProgressed():
                return [(AT_ONCE, decision)]
            case facts.AllowanceRequested():
                return _allow(decision, whim)
            case _:
                return []

    return answer


def _post(queued: facts.MessageQueued, whim: int) -> list[Answer]:
    def said(kind: type[MessageOutcome], attempt: int = 1) -> MessageOutcome:
        return kind(
            order_id=queued.order_id,
            message_id=queued.message_id,
            case_id=queued.case_id,
            template=queued.template,
            locale=queued.locale,
            to_hash=queued.to_hash,
            attempt=attempt,
        )

    deferred = (AT_ONCE, said(facts.MessageDeferred))
    moods: tuple[list[Answer], ...] = (
        [(AT_ONCE, said(facts.MessageAccepted))],
        [deferred, (HOUR, said(facts.MessageAccepted, 2))],
        [(2 * HOUR, said(facts.MessageAccepted))],
        [deferred, (DAY, said(facts.MessageRefused, 2))],
        [(AT_ONCE, said(facts.MessageInDoubt))],
        [(AT_ONCE, said(facts.MessageAccepted)), (DAY, said(facts.MessageBounced))],
        [(AT_ONCE, said(facts.MessageSuppressed))],
        [],
    )
    return moods[whim % len(moods)]


def _label(request: facts.ReturnLabelRequested, whim: int) -> list[Answer]:
    issued = facts.ReturnLabelIssued(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id=f"lbl_{request.return_id}",
        carrier="Sandbox Post",
        tracking_number=f"RET{request.return_id[-10:]}",
        cost=request.cost,
    )
    seen = facts.ReturnCheckpoint(order_id=request.order_id, return_id=request.return_id, status="in_transit")
    refused = facts.ReturnLabelRefused(
        order_id=request.order_id, case_id=request.case_id, return_id=request.return_id, reason="no service"
    )
    moods: tuple[list[Answer], ...] = (
        [(AT_ONCE, issued)],
        [(20 * MINUTE, issued), (3 * DAY, seen)],
        [(2 * HOUR, issued)],
        [(AT_ONCE, refused)],
        [],
    )
    return moods[whim % len(moods)]


def _replace(request: facts.ReplacementRequested, whim: int) -> list[Answer]:
    accepted = facts.ReplacementAccepted(
        order_id=request.order_id, case_id=request.case_id, replacement_id=request.replacement_id
    )
    refused = facts.ReplacementRefused(
        order_id=request.order_id,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reason="out of stock",
    )
    empty = msgspec.structs.replace(refused, out_of_stock=True)

    def chosen(word: str) -> facts.ChoiceMade:
        return facts.ChoiceMade(order_id=request.order_id, case_id=request.case_id, choice=word)

    again = f"{request.order_id}-R{request.replacement_id[-4:]}"
    parcel = {"order_id": again, "shipment_id": f"{again}-1", "tracking_number": f"T{again}"}
    order = placed(
        again, promise=None, bought={p.sku: p.quantity for p in request.lines}, replaces=request.order_id
    )
    ships = [(AT_ONCE, accepted), (HOUR, order), (2 * HOUR, labelled(**parcel))]
    moods: tuple[list[Answer], ...] = (
        [(AT_ONCE, accepted)],
        [*ships, (DAY, scanned("in_transit", **parcel)), (2 * DAY, scanned("delivered", **parcel))],
        [(AT_ONCE, refused)],
        [
            *ships,
            (DAY, scanned("in_transit", **parcel)),
            (3 * DAY, scanned("exception", reason="lost", **parcel)),
        ],
        [],
        [(2 * HOUR, accepted), (3 * HOUR, order), (5 * HOUR, facts.OrderCanceled(order_id=again))],
        [(AT_ONCE, empty), (DAY, chosen("refund")), (2 * DAY, chosen("refund"))],
        [(HOUR, empty), (DAY, chosen("wait"))],
        [(AT_ONCE, empty), (HOUR, facts.CustomerReplied(order_id=request.order_id))],
    )
    return moods[whim % len(moods)]


def _allow(request: facts.AllowanceRequested, whim: int) -> list[Answer]:
    said = {
        "order_id": request.order_id,
        "case_id": request.case_id,
        "allowance_id": request.allowance_id,
    }
    granted = facts.AllowanceGranted(**said, apology=whim % 2 == 0)
    held = facts.AllowanceHeld(**said, storm_id="storm")
    refused = facts.AllowanceRefused(**said, limit=("day", "history", "storm")[whim % 3])
    moods: tuple[list[Answer], ...] = (
        [(AT_ONCE, granted)],
        [(20 * MINUTE, granted)],
        [(AT_ONCE, held), (5 * HOUR, granted)],
        [(AT_ONCE, refused)],
        [(AT_ONCE, held), (DAY, refused)],
        [],
    )
    return [(AT_ONCE, granted)] if request.approved else moods[whim % len(moods)]


def _review(request: facts.ReviewRequested, whim: int) -> list[Answer]:
    delay = (HOUR, 5 * HOUR, 2 * DAY, 20 * MINUTE)[whim % 4]
    verdict = facts.ReviewResolved(
        order_id=request.order_id, review_id=request.review_id, approved=whim % 3 != 2, by="mo"
    )
    return [] if whim % 7 == 6 else [(delay, verdict)]


# ---------------------------------------------------------------------------- the course of a history


class Course:
    """A history as it went: every event in journal order, and every decision with its moment."""

    def __init__(self, processor: Processor) -> None:
        self.processor = processor
        self.journal: list[Event] = []
        self.decisions: list[tuple[datetime, Decision]] = []
        self.latest: tuple[Decision, ...] = ()

    @property
    def orders(self) -> dict[str, Order]:
        """The orders as they are now."""
        return self.processor.orders

    def fold(self, one: Event) -> tuple[Decision, ...]:
        """Fold one event and write down what happened."""
        self.journal.append(one)
        decided = self.processor.fold(one)
        now = self.processor.now
        assert now is not None
        self.decisions.extend((now, decision) for decision in decided)
        self.latest = decided
        return decided

    def ids(self) -> list[str]:
        """Return the decisions' identities in their order."""
        return [decision.decision_id for _, decision in self.decisions]


def live(
    events: Iterable[Event],
    policy: Policy,
    *,
    until: datetime,
    world: World = silent_world,
    course: Course | None = None,
    watch: Callable[[Course], None] | None = None,
    report: Callable[[AnyFact, datetime], Event] | None = None,
) -> Course:
    """Fold ``events`` in arrival order; fire every deadline and every answer of the world on its own moment.

    ``watch`` looks at the course after each fold; ``report`` makes an event of what the world says.
    """
    report = report if report is not None else outcome
    course = course if course is not None else Course(Processor(policy))
    coming: list[tuple[datetime, int, AnyFact]] = []
    numbers = count()
    for arrival in (*events, tick(until)):
        for one in chain(_before(course.processor, coming, arrival.recorded_at, report), [arrival]):
            waiting = [one]
            while waiting:
                decided = course.fold(waiting.pop(0))
                if watch is not None:
                    watch(course)
                now = course.processor.now
                assert now is not None
                for decision in decided:
                    for delay, fact in world(decision):
                        if delay:
                            heapq.heappush(coming, (now + delay, next(numbers), fact))
                        else:
                            waiting.append(report(fact, now))
    return course


def _before(
    processor: Processor,
    coming: list[tuple[datetime, int, AnyFact]],
    to: datetime,
    report: Callable[[AnyFact, datetime], Event],
) -> Iterator[Event]:
    """Yield, while there are any, the deadlines and answers up to a moment; a deadline goes first."""
    while True:
        due = processor.next_alarm()
        answer = coming[0][0] if coming else None
        if due is not None and due <= to and (answer is None or due <= answer):
            yield tick(due if processor.now is None else max(due, processor.now))
        elif answer is not None and answer <= to:
            at, _, fact = heapq.heappop(coming)
            yield report(fact, at)
        else:
            return


def outcome(fact: AnyFact, now: datetime) -> Event:
    """Return what the world says as an event; said again it is the same event."""
    mark = blake2b(f"{fact.TYPE}{msgspec.json.encode(fact).decode()}".encode(), digest_size=8).hexdigest()
    return event(fact, now, identity=f"out-{mark}", source="firstword/effects")
