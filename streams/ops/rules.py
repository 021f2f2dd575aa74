"""Which part of the policy stands behind a decision, and whether today's policy would decide the same.

A decision does not name its policy: its id is made of order, rule and trigger, and is the same in every run. So
an order's own events are folded through today's policy, at the recorded moments, and what comes of it is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from streams.core import events as facts
from streams.core.events import Decision, Event
from streams.core.policy import Policy
from streams.embedded.journal import LoggedDecision
from streams.pipeline.outcomes import SOURCE as OUTCOMES
from streams.pipeline.processor import Processor, tick

_HELD: Final = {
    "quiet_hours": "quiet",
    "window": "notify",
    "label": "notify",
    "settling": "notify",
}
_ASKED: Final = {"budget": "budgets.order", "second_failure": "respond.second_failure", "stale": "notify"}
_REMEDIES: Final = (
    facts.ReturnLabelRequested,
    facts.ReplacementRequested,
    facts.GoodwillGranted,
    facts.ShippingRefundGranted,
    facts.RefundGranted,
    facts.ReturnWaived,
)


class Rules:
    """The rules behind the decisions of one order, as the tables of the policy are called."""

    def __init__(self, decisions: Iterable[LoggedDecision]) -> None:
        self._kinds: dict[str, str] = {}
        self._latest: dict[str, str] = {}
        for logged in decisions:
            if isinstance(logged.fact, facts.ExceptionOpened):
                self._kinds[logged.fact.exception_id] = logged.fact.kind

    def behind(self, fact: Decision) -> str:
        """Return the table of the policy that a decision follows; empty where it follows none.

        To be asked in the order in which the decisions were made.
        """
        if isinstance(fact, (facts.ExceptionOpened, facts.ExceptionChanged, facts.ExceptionCleared)):
            self._latest[fact.case_id] = fact.kind
            return f"detect.{fact.kind}"
        if isinstance(fact, facts.MessageQueued):
            return self._response(fact.exception_ids) or "respond.follow_up"
        if isinstance(fact, facts.ReviewRequested):
            return _ASKED.get(fact.reason) or self._response(fact.exception_ids)
        if isinstance(fact, facts.MessageHeld):
            return _HELD.get(fact.reason, "")
        if isinstance(fact, facts.MessageWithdrawn):
            return "notify" if fact.reason == "stale" else ""
        if isinstance(fact, _REMEDIES) and fact.case_id in self._latest:
            return f"respond.{self._latest[fact.case_id]}"
        return ""

    def _response(self, exception_ids: Iterable[str]) -> str:
        kinds = dict.fromkeys(self._kinds[one] for one in exception_ids if one in self._kinds)
        return ", ".join(f"respond.{kind}" for kind in kinds)


def judged_today(
    events: Iterable[Event], decisions: Iterable[LoggedDecision], policy: Policy
) -> Mapping[str, bool]:
    """Return for each decision of one order, by its id, whether ``policy`` decides just the same of its events.

    News of a replacement is left out: another order's events decide it.
    """
    again = {
        one.decision_id: facts.without_private(one) for one in _decided(_course(events, decisions), policy)
    }
    return {
        one.id: again.get(one.id) == facts.without_private(one.fact)
        for one in decisions
        if isinstance(one.fact, Decision) and _is_own(one.fact)
    }


def _is_own(fact: Decision) -> bool:
    """False for news of a replacement, which is decided about another order and told to this one."""
    return not isinstance(fact, facts.ReplacementProgressed)


def _course(events: Iterable[Event], decisions: Iterable[LoggedDecision]) -> list[Event]:
    """Return what the order saw: silence where something was decided, its events, and what came of decisions."""
    heard = [event for event in events if event.source != OUTCOMES]
    moments: set[datetime] = set()
    came = []
    for logged in decisions:
        if isinstance(logged.fact, Decision) and _is_own(logged.fact):
            moments.add(logged.now)
        elif not isinstance(logged.fact, Decision) or logged.id != logged.fact.decision_id:
            came.append(_outcome(logged))
    course = [*map(tick, sorted(moments)), *heard, *came]
    return sorted(course, key=lambda event: event.recorded_at)  # stable: silence first, what came of it last


def _outcome(logged: LoggedDecision) -> Event:
    order_id = logged.fact.order_id
    assert order_id is not None  # outcomes are about orders
    return Event(
        id=logged.id,
        source=OUTCOMES,
        order_id=order_id,
        occurred_at=logged.now,
        recorded_at=logged.now,
        fact=logged.fact,
    )


def _decided(course: Iterable[Event], policy: Policy) -> list[Decision]:
    processor = Processor(policy)
    return [decision for event in course for decision in processor.fold(event)]
