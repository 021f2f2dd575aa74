"""What the world would have answered: in a backtest every effect works at once, and nobody is asked.

Recorded outcomes belong to the decisions of then. Another policy decides other things, so its outcomes are
imagined: every label is issued, every replacement and every mail accepted.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.codec.blocks import Entry
from streams.codec.registry import REGISTRY, UNREADABLE, decode_fact
from streams.core.events import AnyFact, Customer, Decision, Event, OrderChanged, OrderPlaced, TimePassed
from streams.pipeline.outcomes import SOURCE, outcome_event
from streams.pipeline.processor import TICK_ORDER
from streams.pipeline.story import kind_world

NOBODY = "customer@example.invalid"  # RFC 2606: no such domain will ever be, and nothing is sent anyway
_OURS = frozenset({SOURCE, "firstword/clock", "firstword/deadlines", "firstword"})
_decoders = REGISTRY.decoders


def is_ours(entry: Entry) -> bool:
    """True for what the product wrote about itself: ticks, and outcomes of what was decided then."""
    return entry.source in _OURS or entry.order_id == TICK_ORDER or entry.type == TimePassed.TYPE


def answer(decision: Decision, now: datetime) -> Event | None:
    """Return what would have come of a decision, as the event in which we hear of it; None when nothing does."""
    fact = kind_world(decision)
    return None if fact is None else outcome_event(fact, now)


def event_of(entry: Entry, *, addressed: bool) -> Event:
    """Return an entry of the journal as an event; ``addressed`` gives everybody without an address an imagined one.

    Raises:
        streams.problems.InputProblem: the codes of ``decode_fact``.
    """
    try:
        fact = _decoders[entry.type](entry.data)
    except UNREADABLE:  # of an older version, or broken: the registry knows
        fact = decode_fact(entry.type, entry.data)
    return Event(
        id=entry.id,
        source=entry.source,
        order_id=entry.order_id,
        occurred_at=entry.occurred_at,
        recorded_at=entry.recorded_at,
        fact=with_address(fact) if addressed else fact,
    )


def with_address(fact: AnyFact) -> AnyFact:
    """Return the fact with an imagined address where the customer has none."""
    if not isinstance(fact, (OrderPlaced, OrderChanged)):
        return fact
    customer: Customer | None = fact.customer
    if customer is None or customer.email:
        return fact
    return msgspec.structs.replace(fact, customer=msgspec.structs.replace(customer, email=NOBODY))
