"""What customers and staff say and do."""

from __future__ import annotations

from copy import copy

from streams.core import events as facts
from streams.core.events import Event
from streams.core.evolve.case import case_of
from streams.core.evolve.parcels import NO_MOVEMENT
from streams.core.order import Case, Order, Report, amended, pieces
from streams.core.policy import Policy

STOP_FOLLOW_UPS = "stop"  # the word that our follow-up note offers
REFUND, WAIT = "refund", "wait"  # the words that we offer for what is out of stock


def reported(order: Order, event: Event, fact: facts.CustomerReported, _policy: Policy) -> None:
    """Note what the customer says is wrong."""
    report = Report(fact.kind, pieces(fact.lines or ()), event.occurred_at, event.id)
    order.reports = tuple(sorted((*order.reports, report), key=lambda r: (r.reported_at, r.event_id)))


def review_resolved(order: Order, _event: Event, fact: facts.ReviewResolved, _policy: Policy) -> None:
    """Take a person's yes or no for the trouble it was asked about."""
    case = case_of(order)
    troubles = []
    for known in case.troubles:
        trouble = known
        if known.review_id == fact.review_id and known.verdict == "waiting":
            trouble = copy(known)
            trouble.verdict = "approved" if fact.approved else "refused"
            trouble.allowed = fact.remedies
            trouble.decide_by = None
            trouble.expired = False
        troubles.append(trouble)
    case.troubles = tuple(troubles)
    if fact.approved and fact.review_id in case.reply_reviews and case.replies_asked == case.replies:
        case.replies_answered = case.replies


def replied(order: Order, _event: Event, fact: facts.CustomerReplied, _policy: Policy) -> None:
    """Take the customer's answer: from now on a person speaks. What names a mail that is not ours is no answer to one."""
    case = order.case
    known = fact.message_id is None or (
        case is not None and any(one.message_id == fact.message_id for one in case.messages)
    )
    if known:
        case_of(order).replies += 1


def chosen(order: Order, _event: Event, fact: facts.ChoiceMade, _policy: Policy) -> None:
    """Take what the customer clicked."""
    if fact.choice == STOP_FOLLOW_UPS:
        case_of(order).follow_ups_stopped = True
    elif fact.choice in {REFUND, WAIT}:
        _choose(case_of(order), fact.choice)


def _choose(case: Case, choice: str) -> None:
    """Take a choice for what is out of stock; money may still be chosen while the customer waits.

    The same word twice is one. What was not offered, or is settled, a person reads.
    """
    open_ones = {
        one.replacement_id
        for one in case.replacements
        if one.out_of_stock and not one.settled and (one.choice is None or choice == REFUND)
    }
    if not open_ones and not any(one.choice == choice for one in case.replacements):
        case.replies += 1
    case.replacements = amended(case.replacements, lambda one: one.replacement_id in open_ones, choice=choice)


def return_seen(order: Order, event: Event, fact: facts.ReturnCheckpoint, _policy: Policy) -> None:
    """Note the first scan of a parcel that comes back."""
    if fact.status in NO_MOVEMENT:
        return
    case = case_of(order)
    known = {r.return_id for r in case.returns if r.return_id == fact.return_id}
    case.returns = amended(
        case.returns,
        lambda one: (
            (not known or one.return_id in known) and (one.seen_at is None or event.occurred_at < one.seen_at)
        ),
        seen_at=event.occurred_at,
    )
