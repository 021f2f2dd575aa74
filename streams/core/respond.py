"""What follows from an exception: remedies set in motion at once, or a person who decides first."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from streams.core.draft import Draft, add_up
from streams.core.events import (
    Decision,
    MessageWithdrawn,
    ReplacementRequested,
    ReturnLabelRequested,
    ReviewExpired,
    ReviewReason,
)
from streams.core.granting import allowance, last_asked
from streams.core.ids import address_hash, identify
from streams.core.money import Money
from streams.core.order import Allowance, Trouble
from streams.core.policy import Response
from streams.core.remedy import Remedy, Situation
from streams.core.reviewing import ask_person

_OUTCOMES: dict[str, Literal["approved", "words_only", "refused"]] = {
    "approve": "approved",
    "words_only": "words_only",
    "refuse": "refused",
}


def respond(draft: Draft) -> None:
    """Answer every open exception that has not been answered at its stage."""
    for known in draft.case.troubles:
        trouble = known
        if trouble.cleared_at is None and trouble.verdict == "waiting" and trouble.decide_by is not None:
            trouble = _overdue(draft, trouble)
        if trouble.cleared_at is not None or trouble.responded >= trouble.stage:
            continue
        if trouble.verdict == "waiting" or overtaken(draft, trouble):
            continue
        if trouble.verdict == "refused":
            _close(draft, trouble)
            continue
        _answer(draft, trouble, response_for(draft, trouble))


def overtaken(draft: Draft, trouble: Trouble) -> bool:
    """True for the lateness of a parcel that is known to be lost, damaged or returning: that is the news."""
    topics = draft.policy.topics
    if topics[trouble.kind] not in {"delay", "attempt"} or trouble.subject == "replacement":
        return False
    return any(other.cleared_at is None and topics[other.kind] == "loss" for other in draft.case.troubles)


def response_for(draft: Draft, trouble: Trouble) -> Response:
    """Return the policy's answer; a second failure, or a replacement that goes wrong, is a person's matter.

    What the policy would leave untold stays untold for a replacement, too.
    """
    first = draft.policy.response(trouble.kind, trouble.severity)
    second = trouble.stage > 1 or (draft.order.replaces is not None and first.message is not None)
    return draft.policy.second_failure if second else first


def proposals(draft: Draft, trouble: Trouble, response: Response) -> list[tuple[Remedy, Decision]]:
    """Return what the remedies of a response would grant now."""
    situation = Situation(
        order=draft.order, case=draft.case, trouble=trouble, now=draft.now, policy=draft.policy
    )
    offered = []
    for name in response.remedies:
        remedy = draft.policy.remedies[name]
        if trouble.allowed is not None and name not in trouble.allowed and name != "apology":
            continue  # a person let less through
        decision = remedy.propose(situation)
        if decision is None or (trouble.verdict == "words_only" and _is_dear(remedy, decision)):
            continue
        offered.append((remedy, decision))
    return offered


def _is_dear(remedy: Remedy, decision: Decision) -> bool:
    cost = remedy.cost(decision)
    return cost is not None and cost.minor > 0


def costs_of(offered: list[tuple[Remedy, Decision]]) -> tuple[Money, ...]:
    """Return what these would cost together, by currency."""
    return add_up(tuple(cost for remedy, decision in offered if (cost := remedy.cost(decision)) is not None))


def _overdue(draft: Draft, trouble: Trouble) -> Trouble:
    """Do what the policy says when nobody has decided in time; until then, only wake for it."""
    assert trouble.decide_by is not None
    if draft.now < trouble.decide_by:
        draft.wake(trouble.decide_by)
        return trouble
    mine = draft.own(trouble)
    outcome = _OUTCOMES[draft.policy.reviews.overdue]
    if mine.certainty != "certain":
        outcome = "refused"  # nobody has looked: what may not be so is not told
    mine.verdict, mine.decide_by, mine.expired = outcome, None, True
    review_id = mine.review_id or ""
    draft.decide(
        ReviewExpired(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "expired", review_id),
            case_id=draft.case.case_id,
            review_id=review_id,
            outcome=outcome,
            by=draft.policy.name,
        )
    )
    return mine


def _answer(draft: Draft, trouble: Trouble, response: Response) -> None:
    if trouble.since < trouble.opened_at - draft.policy.notify.stale_after:
        _too_old(draft, trouble, response)
        return
    due = trouble.staged_at + response.settle
    if draft.now < due:
        draft.wake(due)
        return
    asked = last_asked(draft, _round(trouble)) if draft.case.allowances else None
    if asked is not None and asked.is_open:
        return
    offered = proposals(draft, trouble, response)
    costs = costs_of(offered)
    replaces = any(isinstance(decision, ReplacementRequested) for _, decision in offered)
    reason = None
    if trouble.verdict not in {"approved", "words_only"}:
        reason = _needs_person(draft, trouble, response, costs, replaces=replaces)
    if reason is not None:
        ask(draft, trouble, response, reason, costs)
        return
    now_due = [(remedy, decision) for remedy, decision in offered if not remedy.with_message]
    dear = costs_of(now_due)
    if any(cost.minor for cost in dear):
        answer = allowance(draft, trouble, "remedies", _round(trouble), dear, response.remedies)
        if answer.status == "refused":
            ask(draft, trouble, response, why_refused(answer), costs)
        if answer.status != "granted":
            return
    mine = draft.own(trouble)
    mine.responded = mine.stage
    for _, decision in now_due:
        draft.decide(decision)
        _tie(draft, decision, mine)


def _round(trouble: Trouble) -> str:
    return f"{trouble.exception_id}:{trouble.stage}:{trouble.round}"


def why_refused(answer: Allowance) -> ReviewReason:
    """Return why a person is asked about what was not allowed."""
    return {"history": "history", "storm": "storm"}.get(answer.limit, "budget")  # type: ignore[return-value]


def _tie(draft: Draft, decision: Decision, trouble: Trouble) -> None:
    """Note which trouble a replacement or a return was for; both were made in this step and are ours to write."""
    if isinstance(decision, ReplacementRequested):
        for replacement in draft.own_case().replacements:
            if replacement.replacement_id == decision.replacement_id:
                replacement.exception_id = trouble.exception_id
    elif isinstance(decision, ReturnLabelRequested):
        for one in draft.own_case().returns:
            if one.return_id == decision.return_id:
                one.exception_id = trouble.exception_id


def _needs_person(
    draft: Draft, trouble: Trouble, response: Response, costs: tuple[Money, ...], *, replaces: bool
) -> ReviewReason | None:
    if trouble.certainty != "certain":
        return "uncertain"
    if response.person:
        second = trouble.stage > 1 or draft.order.replaces is not None
        return "second_failure" if second else "kind_needs_person"
    if (
        replaces
        and not trouble.missing
        and len(draft.order.wanted()) > 1
        and (trouble.subject not in _whole(draft))
    ):
        return "kind_needs_person"  # something is gone, and nobody has said what
    return "budget" if over_budget(draft, costs) else None


def _whole(draft: Draft) -> set[str]:
    """Return the parcel that must hold everything, when there is only one."""
    shipments = draft.order.shipments
    return {shipments[0].shipment_id} if len(shipments) == 1 else set()


def over_budget(draft: Draft, costs: tuple[Money, ...]) -> bool:
    """True when these costs, on top of what the order has cost us, need a person's word."""
    for total in add_up((*draft.case.spent, *costs)):
        if all(cost.currency != total.currency for cost in costs) or total.minor == 0:
            continue
        limit = draft.policy.budget(total.currency)
        if limit is None or total.minor > limit:
            return True
    return False


def ask(
    draft: Draft, trouble: Trouble, response: Response, reason: ReviewReason, costs: tuple[Money, ...]
) -> None:
    """Hand the decision to a person, with what it would cost."""
    mine = draft.own(trouble)
    mine.review_id = identify(
        "rev", mine.exception_id, str(mine.stage), *([str(mine.round)] * bool(mine.round))
    )
    mine.verdict = "waiting"
    mine.decide_by = _decide_by(draft, mine, reason)
    draft.wake(mine.decide_by)
    ask_person(
        draft,
        mine.review_id,
        reason,
        (mine.exception_id,),
        remedies=response.remedies,
        cost=costs[0] if costs else None,
        decide_by=mine.decide_by,
    )


def _decide_by(draft: Draft, trouble: Trouble, reason: ReviewReason) -> datetime | None:
    """Return until when a person may think about what is asked now, or None for ever.

    Only money may run out of time: about a second failure, something uncertain, or what the policy leaves to a
    person, nothing goes out without one.
    """
    within = draft.policy.reviews.within
    is_first = trouble.stage == 1 and draft.order.replaces is None and not trouble.expired
    return draft.now + within if within and is_first and reason in {"budget", "history"} else None


def _close(draft: Draft, trouble: Trouble) -> None:
    """A person said no: the matter stays open in the books and is not told."""
    mine = draft.own(trouble)
    mine.responded = mine.told = mine.stage


def _too_old(draft: Draft, trouble: Trouble, response: Response) -> None:
    """News that is older than we dare to tell: recorded, never sent."""
    _close(draft, trouble)
    if response.message is None:
        return
    message_id = identify("msg", draft.order.order_id, trouble.exception_id, str(trouble.stage))
    draft.decide(
        MessageWithdrawn(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "withdrawn", message_id),
            message_id=message_id,
            case_id=draft.case.case_id,
            template=response.message,
            locale=draft.locale,
            to_hash=address_hash(draft.address),
            reason="stale",
        )
    )
