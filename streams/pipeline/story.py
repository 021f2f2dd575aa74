"""Tells a history to the product with a world that always says yes: what cases, laws and rehearsals run on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact, Decision, Event
from streams.core.policy import Policy
from streams.pipeline.processor import Processor, tick


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A decision and the moment at which it was made."""

    now: datetime
    decision: Decision


World = Callable[[Decision], AnyFact | None]


def tell(
    events: Iterable[Event],
    policy: Policy,
    *,
    until: datetime | None = None,
    world: World | None = None,
    processor: Processor | None = None,
) -> list[Told]:
    """Fold ``events`` in the given order, firing every deadline on its own moment, on to ``until``.

    ``world`` answers decisions with outcomes, which come in by the front door at once; the default
    issues every label, accepts every replacement and every mail. ``recorded_at`` of the events decides
    how time moves.
    """
    mind = processor if processor is not None else Processor(policy)
    answer = world if world is not None else kind_world
    told: list[Told] = []
    for event in events:
        _advance(mind, event.recorded_at, told, answer)
        _fold(mind, event, told, answer)
    if until is not None:
        _advance(mind, until, told, answer)
        _fold(mind, tick(until), told, answer)
    return told


def _advance(mind: Processor, to: datetime, told: list[Told], world: World) -> None:
    due = mind.next_alarm()
    while due is not None and due <= to:
        _fold(mind, tick(due if mind.now is None else max(due, mind.now)), told, world)
        due = mind.next_alarm()


def _fold(mind: Processor, event: Event, told: list[Told], world: World) -> None:
    queue = deque([event])
    while queue:
        decisions = mind.fold(queue.popleft())
        now = mind.now
        assert now is not None
        for decision in decisions:
            told.append(Told(now=now, decision=decision))
            fact = world(decision)
            if fact is not None:
                queue.append(outcome(decision, fact, now))


def outcome(decision: Decision, fact: AnyFact, now: datetime) -> Event:
    """Return what came of a decision as an event; its id follows from the decision's."""
    order_id = fact.order_id
    assert order_id is not None
    return Event(
        id=f"{decision.decision_id}:{fact.TYPE}",
        source="firstword/effects",
        order_id=order_id,
        occurred_at=now,
        recorded_at=now,
        fact=fact,
    )


def kind_world(decision: Decision) -> AnyFact | None:
    """Answer as a world in which everything works the first time."""
    match decision:
        case facts.ReturnLabelRequested():
            return facts.ReturnLabelIssued(
                order_id=decision.order_id,
                case_id=decision.case_id,
                return_id=decision.return_id,
                label_id=f"lbl_{decision.return_id}",
                carrier="Sandbox Post",
                tracking_number=f"RET{decision.return_id[-10:]}",
                cost=decision.cost,
            )
        case facts.ReplacementRequested():
            return facts.ReplacementAccepted(
                order_id=decision.order_id,
                case_id=decision.case_id,
                replacement_id=decision.replacement_id,
            )
        case facts.ReplacementProgressed():
            return decision
        case facts.AllowanceRequested():
            return facts.AllowanceGranted(
                order_id=decision.order_id, case_id=decision.case_id, allowance_id=decision.allowance_id
            )
        case facts.MessageQueued():
            return facts.MessageAccepted(
                order_id=decision.order_id,
                message_id=decision.message_id,
                case_id=decision.case_id,
                template=decision.template,
                locale=decision.locale,
                to_hash=decision.to_hash,
                reply="250 2.0.0 OK",
            )
        case _:
            return None
