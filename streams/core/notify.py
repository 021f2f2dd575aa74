"""Whether there is something to tell, and whether now is the moment: one mail, or a mail that waits.

A mail that waits lives in the order and is judged again at every step, so a parcel that arrived in the
meantime gets no apology.
"""

from __future__ import annotations

from copy import copy
from datetime import datetime, timedelta
from typing import Literal

from streams.core.detector import Topic
from streams.core.draft import Draft, add_up
from streams.core.events import (
    Decision,
    MessageHeld,
    MessageQueued,
    MessageWithdrawn,
    ReviewRequested,
)
from streams.core.ids import address_hash, identify
from streams.core.letter import compose_letter
from streams.core.money import zero
from streams.core.order import Held, Replacement, Return, Sent, Trouble, amended
from streams.core.policy import Response
from streams.core.respond import ask, over_budget, overtaken, proposals, response_for
from streams.core.zones import day_begins, day_ends, local

_UNSENT = frozenset({"queued", "deferred"})
_COVERS: dict[Topic, set[Topic]] = {
    "delay": {"delay", "loss"},
    "attempt": {"attempt", "loss"},
    "loss": {"loss"},
    "contents": set(),
}

Reason = Literal["quiet_hours", "window", "label", "review", "settling", "no_address"]


class News:
    """Something untold: the trouble or the return it is about, its template, and since when it may be told."""

    __slots__ = ("due", "key", "replacement", "response", "returning", "template", "trouble")

    def __init__(
        self,
        key: str,
        response: Response,
        due: datetime,
        *,
        trouble: Trouble | None = None,
        returning: Return | None = None,
        replacement: Replacement | None = None,
    ) -> None:
        self.key = key
        self.response = response
        self.template = response.message or ""
        self.due = due
        self.trouble = trouble
        self.returning = returning
        self.replacement = replacement


def notify(draft: Draft) -> None:
    """Take back what is no longer true, then tell, hold or withdraw the one mail that the case needs."""
    _take_back(draft)
    news = _untold(draft)
    ready = [one for one in news if one.due <= draft.now]
    for one in news:
        draft.wake(one.due)
    waiting = [
        t
        for t in draft.case.troubles
        if t.cleared_at is None and t.verdict == "waiting" and not overtaken(draft, t)
    ]
    if ready and not _tell_or_hold(draft, ready):
        return
    if waiting:
        _hold_for_person(draft, waiting[0])
    elif draft.case.held is not None:
        _withdraw_held(draft, "cleared")


# ---------------------------------------------------------------------------- what there is to tell


def _untold(draft: Draft) -> list[News]:
    news = []
    told = {draft.policy.topic(t.kind) for t in draft.case.troubles if t.told > 0}
    told_losses = {
        t.subject for t in draft.case.troubles if t.told > 0 and draft.policy.topic(t.kind) == "loss"
    }
    for trouble in draft.case.troubles:
        if trouble.cleared_at is not None or trouble.told >= trouble.stage:
            continue
        if trouble.verdict in {"waiting", "refused"} or trouble.responded < trouble.stage:
            continue
        if overtaken(draft, trouble):
            continue
        response = response_for(draft, trouble)
        if response.message is None or (trouble.stage == 1 and _covered(draft, trouble, told, told_losses)):
            continue
        news.append(News(_key(trouble), response, trouble.staged_at + response.tell_after, trouble=trouble))
    news.extend(_later_replacements(draft))
    news.extend(_follow_ups(draft))
    return news


def _key(trouble: Trouble) -> str:
    """Return what makes the mail about a trouble one mail: its stage, and its round when there was more to say."""
    return f"{trouble.exception_id}:{trouble.stage}" + (f":{trouble.round}" if trouble.round else "")


def _covered(draft: Draft, trouble: Trouble, told: set[Topic], told_losses: set[str]) -> bool:
    """True when the customer knows: of a delay once, of a loss once per parcel.

    A parcel whose every piece is already being replaced may be as late as it likes.
    """
    topic = draft.policy.topic(trouble.kind)
    if topic == "loss":
        return trouble.subject in told_losses
    if topic != "contents" and _all_replaced(draft):
        return True
    return bool(_COVERS[topic] & told)


def _all_replaced(draft: Draft) -> bool:
    under_way = [r for r in draft.case.replacements if r.refused is None and r.status != "canceled"]
    if not under_way:
        return False
    left = draft.order.wanted()
    for replacement in under_way:
        for line in replacement.lines:
            left[line.sku] = left.get(line.sku, 0) - line.quantity
    return all(count <= 0 for count in left.values())


def _later_replacements(draft: Draft) -> list[News]:
    """Return the news that a replacement will come later than our mail said, before that day has come."""
    word, response = draft.order.replacement_word, draft.policy.replacement_update
    if word is None or response.message is None or draft.now >= word.ends_at:
        return []
    return [
        News(f"{one.replacement_id}:{one.promised_by.isoformat()}", response, draft.now, replacement=one)
        for one in draft.case.replacements
        if one.promised_by is not None
        and one.promised_by > word.by
        and one.promised_by != one.told_by
        and one.delivered_at is None
        and one.status != "canceled"
    ]


def _follow_ups(draft: Draft) -> list[News]:
    """Return the kind note about a label, due some days after the replacement arrived and never after that."""
    case, policy, order = draft.case, draft.policy, draft.order
    if policy.follow_up.message is None or order.canceled_at is not None or case.follow_ups_stopped:
        return []
    if any(t.verdict == "waiting" and t.cleared_at is None for t in case.troubles):
        return []
    notes = []
    for one in case.returns:
        arrived = [
            r.delivered_at
            for r in case.replacements
            if r.delivered_at is not None and r.exception_id in {one.exception_id, ""}
        ]
        if not arrived or _never_came(draft, one) or _corrected(draft, one, min(arrived)):
            continue
        if one.label_id is None or one.seen_at is not None or one.follow_ups >= policy.returns.follow_ups:
            continue
        due = max(arrived) + timedelta(days=policy.returns.follow_up_days * (one.follow_ups + 1))
        if max(due, draft.now) >= day_ends(one.keep_after, order.zone):
            continue
        notes.append(News(f"{one.return_id}:{one.follow_ups}", policy.follow_up, due, returning=one))
    return notes


def _corrected(draft: Draft, one: Return, arrived: datetime) -> bool:
    """True when the trouble was over before the right thing came: the station had corrected its scan."""
    return any(
        t.exception_id == one.exception_id and t.cleared_at is not None and t.cleared_at < arrived
        for t in draft.case.troubles
    )


def _never_came(draft: Draft, one: Return) -> bool:
    """True when the wrong box is known not to have reached the customer: there is nothing to send back."""
    trouble = next((t for t in draft.case.troubles if t.exception_id == one.exception_id), None)
    if trouble is None:
        return False
    for shipment in draft.order.shipments:
        if shipment.shipment_id == trouble.subject:
            return shipment.delivered_at is None and (
                shipment.returning is not None or shipment.lost is not None
            )
    return False


# ---------------------------------------------------------------------------- now or later


def _tell_or_hold(draft: Draft, ready: list[News]) -> bool:
    """Return True when all that was ready is told, so that what waits for a person comes next."""
    lead = min(ready, key=lambda one: _priority(draft, one))
    message_id = identify("msg", draft.order.order_id, lead.key)
    reason, until = _obstacle(draft, ready)
    if reason is None and _too_dear(draft, ready):
        _hold(draft, message_id, lead.template, "review", None)
    elif reason is None:
        _queue(draft, message_id, lead, ready)
    elif reason == "label":
        draft.wake(until)
    else:
        _hold(draft, message_id, lead.template, reason, until)
    return reason is None and draft.case.held is None


def _too_dear(draft: Draft, ready: list[News]) -> bool:
    """Ask a person when what the mail would grant is above the budget by now: lateness grows while mail waits."""
    for one in ready:
        trouble = one.trouble
        if trouble is None or trouble.verdict == "approved":
            continue
        granted = [
            decision for remedy, decision in proposals(draft, trouble, one.response) if remedy.with_message
        ]
        costs = add_up(
            tuple(cost for decision in granted if (cost := getattr(decision, "cost", None)) is not None)
        )
        if over_budget(draft, costs):
            ask(draft, trouble, one.response, "budget", costs)
            return True
    return False


def _priority(draft: Draft, news: News) -> tuple[int, int, str]:
    if news.replacement is not None:
        return (1, -1, news.key)
    if news.trouble is None:
        return (2, 0, news.key)
    order = draft.policy.notify.priority
    rank = order.index(news.trouble.kind) if news.trouble.kind in order else len(order)
    return (0 if news.trouble.stage > 1 else 1, rank, news.key)


def _obstacle(draft: Draft, ready: list[News]) -> tuple[Reason | None, datetime | None]:
    if not _address(draft):
        return "no_address", None
    parts = _parts_pending(draft, ready)
    if parts is not None:
        return "label", parts
    last = max((s.queued_at for s in draft.case.messages if s.status != "withdrawn"), default=None)
    if last is not None and draft.now < last + draft.policy.notify.window:
        return "window", last + draft.policy.notify.window
    quiet = quiet_until(draft.now, draft.order.zone, draft.policy.quiet.start, draft.policy.quiet.end)
    if quiet is not None:
        return "quiet_hours", quiet
    return None, None


def _parts_pending(draft: Draft, ready: list[News]) -> datetime | None:
    """Return until when the letter waits for its label and for the order system's word, or None."""
    told = {one.trouble.exception_id for one in ready if one.trouble is not None}
    patience = draft.policy.notify.patience
    waits = [
        one.requested_at + patience
        for one in draft.case.returns
        if one.label_id is None and not one.refused and _belongs(one, told)
    ]
    for replacement in draft.case.replacements:
        unanswered = replacement.accepted_at is None and replacement.refused is None
        if unanswered and replacement.order_id is None and replacement.exception_id in told:
            waits.append(replacement.requested_at + patience)
    late = [until for until in waits if until > draft.now]
    return max(late) if late else None


def _belongs(one: Return, exception_ids: set[str]) -> bool:
    return one.exception_id in exception_ids


def quiet_until(now: datetime, zone: str, start: object, end: object) -> datetime | None:
    """Return when the customer's night is over, or None when it is day."""
    if start == end:
        return None
    clock = local(now, zone)
    time_of_day = clock.time()
    overnight = start > end  # type: ignore[operator]
    quiet = (
        (time_of_day >= start or time_of_day < end)  # type: ignore[operator]
        if overnight
        else start <= time_of_day < end  # type: ignore[operator]
    )
    if not quiet:
        return None
    day = clock.date()
    if overnight and time_of_day >= start:  # type: ignore[operator]
        day += timedelta(days=1)
    morning = datetime.combine(day, end, clock.tzinfo)  # type: ignore[arg-type]
    return max(morning.astimezone(now.tzinfo), day_begins(day, zone))


# ---------------------------------------------------------------------------- telling


def _queue(draft: Draft, message_id: str, lead: News, ready: list[News]) -> None:
    order, case = draft.order, draft.own_case()
    if case.held is not None and case.held.message_id != message_id:
        _withdraw_held(draft, "superseded")
    case.held = None
    troubles = [one.trouble for one in ready if one.trouble is not None]
    for trouble in troubles:
        for remedy, decision in proposals(draft, trouble, response_for(draft, trouble)):
            if remedy.with_message:
                draft.decide(decision)
    apologize = any("apology" in one.response.remedies for one in ready) and case.apologized < _stage(
        troubles
    )
    case = draft.own_case()
    if apologize:
        case.apologized = _stage(troubles)
    letter = compose_letter(draft, troubles, lead.returning, lead.replacement, apologize=apologize)
    exception_ids = tuple(trouble.exception_id for trouble in troubles)
    queued = MessageQueued(
        order_id=order.order_id,
        decision_id=identify("dec", "queued", message_id),
        message_id=message_id,
        case_id=case.case_id,
        template=lead.template,
        locale=_locale(draft),
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
    )
    case.messages = (*case.messages, sent)
    for trouble in troubles:
        draft.own(trouble).told = trouble.stage
    if lead.returning is not None:
        _count_follow_up(draft, lead.returning)
    if lead.replacement is not None:
        _told_later(draft, lead.replacement)


def _stage(troubles: list[Trouble]) -> int:
    return max((trouble.stage for trouble in troubles), default=0)


def _told_later(draft: Draft, replacement: Replacement) -> None:
    case = draft.own_case()
    case.replacements = amended(
        case.replacements,
        lambda one: one.replacement_id == replacement.replacement_id,
        told_by=replacement.promised_by,
    )


def _count_follow_up(draft: Draft, returning: Return) -> None:
    case = draft.own_case()
    case.returns = amended(
        case.returns,
        lambda one: one.return_id == returning.return_id,
        follow_ups=returning.follow_ups + 1,
    )


def _hold(draft: Draft, message_id: str, template: str, reason: Reason, until: datetime | None) -> None:
    draft.wake(until)
    held = draft.case.held
    if held is not None and held.message_id == message_id and held.reason == reason:
        return
    if held is not None and held.message_id != message_id:
        _withdraw_held(draft, "superseded")
    case = draft.own_case()
    case.turns += 1
    address = _address(draft)
    locale, to_hash = _locale(draft), address_hash(address)
    case.held = Held(message_id, template, reason, until, locale, to_hash)
    draft.decide(
        MessageHeld(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "held", message_id, reason, str(case.turns)),
            message_id=message_id,
            case_id=case.case_id,
            template=template,
            locale=locale,
            to_hash=to_hash,
            reason=reason,
            until=until,
        )
    )


def _hold_for_person(draft: Draft, trouble: Trouble) -> None:
    response = response_for(draft, trouble)
    if response.message is not None:
        message_id = identify("msg", draft.order.order_id, _key(trouble))
        _hold(draft, message_id, response.message, "review", None)


def _withdraw_held(draft: Draft, reason: Literal["cleared", "superseded"]) -> None:
    held = draft.case.held
    assert held is not None
    draft.own_case().held = None
    _withdraw(draft, held.message_id, held.template, held.locale, held.to_hash, reason)


# ---------------------------------------------------------------------------- taking back


def _take_back(draft: Draft) -> None:
    """Withdraw mails that are queued but not sent and have ceased to be true."""
    open_ids = {t.exception_id for t in draft.case.troubles if t.cleared_at is None}
    for sent in draft.case.messages:
        if sent.status not in _UNSENT or not _no_longer_true(draft, sent, open_ids):
            continue
        case = draft.own_case()
        mine = copy(sent)
        mine.status = "withdrawn"
        case.messages = tuple(mine if s.message_id == sent.message_id else s for s in case.messages)
        _withdraw(draft, sent.message_id, sent.template, sent.locale, sent.to_hash, "cleared", queued=True)
    for replacement in draft.case.replacements:
        gone = replacement.refused is not None or replacement.status == "canceled"
        if gone and not replacement.asked:
            _ask_about(draft, replacement)


def _no_longer_true(draft: Draft, sent: Sent, open_ids: set[str]) -> bool:
    if sent.exception_ids:
        return not open_ids & set(sent.exception_ids)
    is_note = sent.template == draft.policy.follow_up.message
    return is_note and any(one.seen_at is not None for one in draft.case.returns)


def _ask_about(draft: Draft, replacement: Replacement) -> None:
    """The order system cannot ship it: a person decides what the customer is offered instead."""
    trouble = next((t for t in draft.case.troubles if t.exception_id == replacement.exception_id), None)
    if trouble is None or trouble.cleared_at is not None or trouble.verdict in {"waiting", "refused"}:
        return
    mine = draft.own(trouble)
    mine.review_id = identify("rev", replacement.replacement_id)
    asked = copy(replacement)
    asked.asked = True
    case = draft.own_case()
    case.replacements = tuple(asked if r is replacement else r for r in case.replacements)
    mine.verdict = "waiting"
    if mine.told >= mine.stage:
        mine.stage += 1
        mine.staged_at = draft.now
    draft.decide(
        ReviewRequested(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "review", mine.review_id),
            case_id=draft.case.case_id,
            review_id=mine.review_id,
            reason="kind_needs_person",
            exception_ids=(mine.exception_id,),
            remedies=(),
            cost=zero(draft.order.currency or draft.policy.shop.currency),
        )
    )


def _withdraw(
    draft: Draft,
    message_id: str,
    template: str,
    locale: str,
    to_hash: str,
    reason: Literal["cleared", "superseded"],
    *,
    queued: bool = False,
) -> None:
    case = draft.own_case()
    case.turns += 1
    decision: Decision = MessageWithdrawn(
        order_id=draft.order.order_id,
        decision_id=identify("dec", "withdrawn", message_id, reason, str(case.turns)),
        message_id=message_id,
        case_id=draft.case.case_id,
        template=template,
        locale=locale,
        to_hash=to_hash,
        reason=reason,
        queued=queued,
    )
    draft.decide(decision)


def _address(draft: Draft) -> str:
    customer = draft.order.customer
    return (customer.email if customer is not None else None) or ""


def _locale(draft: Draft) -> str:
    customer = draft.order.customer
    return (customer.locale if customer is not None else None) or draft.policy.shop.locale
