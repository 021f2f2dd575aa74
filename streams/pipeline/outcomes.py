"""What came of a decision, on its way back in by the front door."""

from __future__ import annotations

from datetime import datetime

from streams.codec.registry import encode_fact
from streams.core.events import AnyFact, Decision, Event, MessageOutcome
from streams.core.ids import identify

SOURCE = "firstword/effects"


def outcome_event(fact: AnyFact, now: datetime) -> Event:
    """Return an outcome as an event; asked again, the same outcome is the same event."""
    order_id = fact.order_id
    assert order_id is not None
    if isinstance(fact, MessageOutcome):
        identity = f"{fact.message_id}:{fact.TYPE}:{fact.attempt}"
    elif isinstance(fact, Decision):
        identity = f"{fact.decision_id}:{fact.TYPE}"
    else:
        identity = identify("out", fact.TYPE, encode_fact(fact).decode())
    return Event(id=identity, source=SOURCE, order_id=order_id, occurred_at=now, recorded_at=now, fact=fact)
