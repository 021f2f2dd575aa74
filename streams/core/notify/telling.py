"""One mail for all that is ready, and what it changes in the case."""

from __future__ import annotations

from streams.core.draft import Draft
from streams.core.events import Letter, MessageQueued
from streams.core.ids import address_hash, identify
from streams.core.letter import compose_letter
from streams.core.notify.holding import withdraw_held
from streams.core.notify.news import News
from streams.core.order import Replacement, Return, Sent, Trouble, amended
from streams.core.respond import proposals, response_for


def queue(draft: Draft, message_id: str, lead: News, ready: list[News], *, sorry: bool = True) -> None:
    """Decide the mail: what it grants, what it says, and that it is told; ``sorry`` is whether it may say so."""
    order, case = draft.order, draft.own_case()
    if case.held is not None and case.held.message_id != message_id:
        withdraw_held(draft, "superseded")
    case.held = None
    troubles = [one.trouble for one in ready if one.trouble is not None]
    for trouble in troubles:
        for remedy, decision in proposals(draft, trouble, response_for(draft, trouble)):
            if remedy.with_message:
                draft.decide(decision)
    apologetic = sorry and any("apology" in one.response.remedies for one in ready)
    apologize = apologetic and case.apologized < _stage(troubles)
    case = draft.own_case()
    if apologize:
        case.apologized = _stage(troubles)
    letter = compose_letter(
        draft, troubles, lead.returning, lead.replacement, apologize=apologize, found=lead.found
    )
    exception_ids = tuple(trouble.exception_id for trouble in troubles)
    queued = MessageQueued(
        order_id=order.order_id,
        decision_id=identify("dec", "queued", message_id),
        message_id=message_id,
        case_id=case.case_id,
        template=lead.template,
        locale=draft.locale,
        to_hash=address_hash(letter.to),
        exception_ids=exception_ids,
        thread=tuple(s.message_id for s in case.messages if s.status not in {"withdrawn", "suppressed"}),
        letter=letter,
    )
    draft.decide(queued)
    sent = Sent(
        message_id=message_id,
        template=queued.template,
        locale=queued.locale,
        to_hash=queued.to_hash,
        queued_at=draft.now,
        exception_ids=exception_ids,
        arrives=letter.arrives,
        replacement_arrives=letter.replacement_arrives,
        apologized=apologize,
    )
    case.unheard = False
    case.messages = (*case.messages, sent)
    for trouble in troubles:
        draft.own(trouble).told = trouble.stage
    _enclose(draft, letter, troubles)
    if lead.returning is not None and lead.template != draft.policy.label_follows.message:
        _count_follow_up(draft, lead.returning)
    if lead.replacement is not None:
        _told_later(draft, lead.replacement)
    if lead.found is not None:
        draft.own(lead.found).found_told = True


def _stage(troubles: list[Trouble]) -> int:
    return max((trouble.stage for trouble in troubles), default=0)


def _enclose(draft: Draft, letter: Letter, troubles: list[Trouble]) -> None:
    """Note which label the mail carries, and which it should have carried and could not."""
    if not draft.case.returns:
        return
    told = {trouble.exception_id for trouble in troubles}
    case = draft.own_case()
    if letter.label_id is not None:
        case.returns = amended(
            case.returns, lambda one: one.return_id == letter.return_id and not one.enclosed, enclosed=True
        )
    case.returns = amended(
        case.returns,
        lambda one: one.label_id is None and not one.refused and one.exception_id in told,
        awaited=True,
    )


def _told_later(draft: Draft, replacement: Replacement) -> None:
    case = draft.own_case()
    case.replacements = amended(
        case.replacements,
        lambda one: one.replacement_id == replacement.replacement_id,
        told_by=replacement.promised_by,
        waited=False,
    )


def _count_follow_up(draft: Draft, returning: Return) -> None:
    case = draft.own_case()
    case.returns = amended(
        case.returns,
        lambda one: one.return_id == returning.return_id,
        follow_ups=returning.follow_ups + 1,
    )
