"""Mails that wait in the order, and mails that are taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from streams.core.draft import Draft
from streams.core.events import Decision, MessageHeld, MessageWithdrawn
from streams.core.ids import address_hash, identify
from streams.core.notify.moment import Reason
from streams.core.notify.news import key_of
from streams.core.order import Held, Replacement, Sent, Trouble, amended
from streams.core.respond import response_for
from streams.core.reviewing import ask_person

_UNSENT = frozenset({"queued", "deferred"})


def hold(draft: Draft, message_id: str, template: str, reason: Reason, until: datetime | None) -> None:
    """Let a mail wait in the order; said once for each reason."""
    draft.wake(until)
    held = draft.case.held
    if held is not None and held.message_id == message_id and held.reason == reason:
        return
    if held is not None and held.message_id != message_id:
        withdraw_held(draft, "superseded")
    case = draft.own_case()
    case.turns += 1
    locale, to_hash = draft.locale, address_hash(draft.address)
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


def hold_for_person(draft: Draft, trouble: Trouble) -> None:
    """Let the mail about a trouble wait for the person who was asked."""
    response = response_for(draft, trouble)
    if response.message is not None:
        message_id = identify("msg", draft.order.order_id, key_of(trouble))
        hold(draft, message_id, response.message, "review", None)


def withdraw_held(draft: Draft, reason: Literal["cleared", "superseded"]) -> None:
    """Let go of the mail that waits."""
    held = draft.case.held
    assert held is not None
    draft.own_case().held = None
    _withdraw(draft, held.message_id, held.template, held.locale, held.to_hash, reason)


def take_back(draft: Draft) -> None:
    """Withdraw mails that are queued but not sent and have ceased to be true."""
    for sent in draft.case.messages:
        if sent.status not in _UNSENT or not _no_longer_true(draft, sent):
            continue
        mark(draft, sent, status="withdrawn")
        _withdraw(draft, sent.message_id, sent.template, sent.locale, sent.to_hash, "cleared", queued=True)
    for replacement in draft.case.replacements:
        if not replacement.stands and not replacement.asked:
            _ask_about(draft, replacement)


def mark(draft: Draft, sent: Sent, **changes: Any) -> None:
    """Change what is known of a mail."""
    case = draft.own_case()
    case.messages = amended(case.messages, lambda one: one.message_id == sent.message_id, **changes)


def offers_choice(draft: Draft, replacement: Replacement) -> bool:
    """True where the customer is asked, not a person of ours: it is out of stock."""
    return replacement.out_of_stock and draft.policy.out_of_stock.message is not None


def _no_longer_true(draft: Draft, sent: Sent) -> bool:
    if sent.exception_ids:
        told = sent.exception_ids
        return all(t.cleared_at is not None or t.exception_id not in told for t in draft.case.troubles)
    is_note = sent.template == draft.policy.follow_up.message
    return is_note and any(one.seen_at is not None for one in draft.case.returns)


def _ask_about(draft: Draft, replacement: Replacement) -> None:
    """The order system cannot ship it: a person decides what the customer is offered instead.

    What is out of stock is the customer's own choice; the aftercare sees to it.
    """
    if offers_choice(draft, replacement):
        return
    trouble = next((t for t in draft.case.troubles if t.exception_id == replacement.exception_id), None)
    if trouble is None or trouble.cleared_at is not None or trouble.verdict in {"waiting", "refused"}:
        return
    mine = draft.own(trouble)
    mine.review_id = identify("rev", replacement.replacement_id)
    case = draft.own_case()
    case.replacements = amended(case.replacements, lambda one: one is replacement, asked=True)
    mine.verdict = "waiting"
    if mine.told >= mine.stage:
        mine.stage += 1
        mine.staged_at = draft.now
    ask_person(draft, mine.review_id, "kind_needs_person", (mine.exception_id,))


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
