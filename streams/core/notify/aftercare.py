"""What is left to do when words alone do not end it: a choice, a mail that came back, an answer to a mail."""

from __future__ import annotations

from datetime import timedelta

from streams.core.draft import Draft
from streams.core.events import (
    Pieces,
    RefundGranted,
    ReplacementRequested,
    ReturnLabelLapsed,
)
from streams.core.evolve.customers import REFUND, WAIT
from streams.core.ids import address_hash, identify
from streams.core.money import Money, zero
from streams.core.notify.holding import mark, offers_choice, withdraw_held
from streams.core.order import Replacement, Return, Sent, Trouble, amended
from streams.core.respond import response_for
from streams.core.reviewing import ask_person
from streams.core.zones import day_ends

_ASK_THE_SHELF_EVERY = timedelta(days=1)  # for a customer who waits: most shops book arrivals daily
_WAITS = 14  # times, before a person calls the one who waits: two weeks in silence are enough (creed)


def look_after(draft: Draft) -> None:
    """See to choices that were offered or made, to labels that nobody used, and to mails that came back."""
    for one in draft.case.returns:
        if one.label_id is not None and one.seen_at is None and not one.lapsed:
            _lapse(draft, one)
        elif one.refused and not one.asked:
            _ask_how_else(draft, one)
    for replacement in draft.case.replacements:
        if replacement.out_of_stock and not replacement.settled and offers_choice(draft, replacement):
            _settle(draft, replacement)
    for sent in draft.case.messages:
        if sent.status == "bounced" and not sent.retold:
            _came_back(draft, sent)


def leave_to_person(draft: Draft) -> None:
    """Send nothing more by itself: the customer speaks with a person now, who hears of every answer, and of new trouble."""
    if draft.case.held is not None:
        withdraw_held(draft, "superseded")
    case = draft.case
    if case.replies_asked < case.replies:
        mine = draft.own_case()
        mine.replies_asked, mine.reply_reviews, mine.handed = case.replies, (), ()
        _hand_over(draft, _open(draft))
        return
    new = tuple(
        t.exception_id for t in case.troubles if t.exception_id not in case.handed and _is_due(draft, t)
    )
    if new:
        _hand_over(draft, new)


def _is_due(draft: Draft, trouble: Trouble) -> bool:
    """True for what the customer would be told by now, and no person has been asked about."""
    response = response_for(draft, trouble)
    if trouble.cleared_at is not None or trouble.verdict == "waiting" or response.message is None:
        return False
    due = trouble.staged_at + response.settle
    draft.wake(due)
    return due <= draft.now


def _hand_over(draft: Draft, exception_ids: tuple[str, ...]) -> None:
    """Ask whoever speaks with the customer about these; a yes lets automatic mail go on."""
    mine = draft.own_case()
    news = exception_ids if mine.reply_reviews else ()
    review_id = identify("rev", mine.case_id, "reply", str(mine.replies), *news)
    mine.reply_reviews = (*mine.reply_reviews, review_id)
    mine.handed = (*mine.handed, *exception_ids)
    ask_person(draft, review_id, "reply", exception_ids)


# ---------------------------------------------------------------------------- labels


def _ask_how_else(draft: Draft, one: Return) -> None:
    """No label could be had, so the customer has been told that nothing need come back: a person hears of it."""
    case = draft.own_case()
    case.returns = amended(case.returns, lambda other: other.return_id == one.return_id, asked=True)
    ask_person(draft, identify("rev", one.return_id), "label_refused", (one.exception_id,))


def _lapse(draft: Draft, one: Return) -> None:
    """Ask the money of a label back on the day after its last, or at once when nobody has it and nobody will."""
    due = day_ends(one.keep_after, draft.order.zone)
    unneeded = draft.order.canceled_at is not None and not one.enclosed  # who has it was named a day
    if draft.now < due and not unneeded:
        draft.wake(due)
        return
    assert one.label_id is not None
    case = draft.own_case()
    case.returns = amended(case.returns, lambda other: other.return_id == one.return_id, lapsed=True)
    draft.decide(
        ReturnLabelLapsed(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "lapsed", one.return_id),
            case_id=case.case_id,
            return_id=one.return_id,
            label_id=one.label_id,
            carrier=one.carrier or "",
            tracking_number=one.tracking_number or "",
            cost=one.cost or zero(draft.order.currency or draft.policy.shop.currency),
        )
    )


# ---------------------------------------------------------------------------- out of stock


def _settle(draft: Draft, replacement: Replacement) -> None:
    trouble = next((t for t in draft.case.troubles if t.exception_id == replacement.exception_id), None)
    if trouble is None:
        return
    if trouble.cleared_at is not None or draft.order.canceled_at is not None:
        _end(draft, replacement, trouble)
    elif replacement.choice == REFUND:
        _refund(draft, replacement, trouble)
    elif replacement.choice == WAIT:
        _order_again(draft, replacement, trouble)
    elif not replacement.asked:
        _offer(draft, replacement, trouble)


def _end(draft: Draft, replacement: Replacement, trouble: Trouble) -> None:
    """Act no more by ourselves: it came after all, or was called off. What was chosen, a person sees to."""
    _amend(draft, replacement, settled=True)
    if replacement.choice is not None:
        review_id = identify("rev", replacement.replacement_id, "over")
        ask_person(draft, review_id, "kind_needs_person", (trouble.exception_id,))


def _offer(draft: Draft, replacement: Replacement, trouble: Trouble) -> None:
    """Tell it, also where the mail is out already; whoever does not choose is called by a person."""
    until = replacement.requested_at + draft.policy.notify.choose_within
    if trouble.told >= trouble.stage and not _offered(draft, trouble, replacement):
        mine = draft.own(trouble)
        mine.round += 1
        mine.staged_at = draft.now
        mine.told = mine.stage - 1
    if draft.now < until:
        draft.wake(until)
        return
    _amend(draft, replacement, asked=True)
    ask_person(
        draft, identify("rev", replacement.replacement_id), "kind_needs_person", (trouble.exception_id,)
    )


def _offered(draft: Draft, trouble: Trouble, replacement: Replacement) -> bool:
    """True when a mail has offered the choice since the order system was asked."""
    return any(
        one.template == draft.policy.out_of_stock.message
        and trouble.exception_id in one.exception_ids
        and one.queued_at >= replacement.requested_at
        for one in draft.case.messages
    )


def _refund(draft: Draft, replacement: Replacement, trouble: Trouble) -> None:
    """Give back what was paid for these lines; without a known price a person does."""
    _amend(draft, replacement, settled=True)
    paid = _paid(draft, replacement.lines)
    refund_id = identify("rfd", draft.order.order_id, replacement.replacement_id)
    if paid is None:
        ask_person(draft, identify("rev", refund_id), "kind_needs_person", (trouble.exception_id,))
        return
    draft.decide(
        RefundGranted(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "refund", refund_id),
            case_id=draft.case.case_id,
            refund_id=refund_id,
            lines=replacement.lines,
            cost=paid,
        )
    )


def _paid(draft: Draft, lines: tuple[Pieces, ...]) -> Money | None:
    total: Money | None = None
    for piece in lines:
        line = draft.order.ordered_line(piece.sku)
        if line is None or line.unit_price is None:
            return None
        amount = line.unit_price.times(piece.quantity)
        if total is not None and total.currency != amount.currency:
            return None
        total = amount if total is None else total + amount
    return total


def _order_again(draft: Draft, replacement: Replacement, trouble: Trouble) -> None:
    """Ask the order system again for a customer who waits, once a day; after two weeks a person calls them.

    While the customer speaks with a person nothing is ordered behind that person's back.
    """
    if draft.case.replies > draft.case.replies_answered:
        return
    due = replacement.requested_at + _ASK_THE_SHELF_EVERY
    if draft.now < due:
        draft.wake(due)
        return
    number = sum(1 for one in draft.case.replacements if one.exception_id == replacement.exception_id)
    if number > _WAITS:
        _amend(draft, replacement, settled=True)
        ask_person(
            draft, identify("rev", replacement.replacement_id), "kind_needs_person", (trouble.exception_id,)
        )
        return
    replacement_id = identify("rep", draft.order.order_id, replacement.exception_id, str(number))
    _amend(draft, replacement, settled=True)
    draft.decide(
        ReplacementRequested(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "replacement", replacement_id),
            case_id=draft.case.case_id,
            replacement_id=replacement_id,
            lines=replacement.lines,
            expedited=replacement.expedited,
            cost=zero(
                draft.order.currency or draft.policy.shop.currency
            ),  # booked when it was first asked for
        )
    )
    case = draft.own_case()
    case.replacements = amended(
        case.replacements,
        lambda one: one.replacement_id == replacement_id,
        exception_id=replacement.exception_id,
        choice=WAIT,
        waited=True,
    )


def _amend(draft: Draft, replacement: Replacement, **changes: bool) -> None:
    case = draft.own_case()
    case.replacements = amended(
        case.replacements, lambda one: one.replacement_id == replacement.replacement_id, **changes
    )


# ---------------------------------------------------------------------------- mails that came back


def _came_back(draft: Draft, sent: Sent) -> None:
    """Write to that address no more in this case, nor for any order where nobody is there, and ask a person.

    Once there is another address, what is still true is said there.
    """
    if not sent.asked:
        case = draft.own_case()
        case.barred = tuple(dict.fromkeys((*case.barred, sent.to_hash)))
        mark(draft, sent, asked=True)
        review_id = identify("rev", sent.message_id, "bounced")
        to_hash = sent.to_hash if sent.nobody_there else None
        ask_person(draft, review_id, "bounced", sent.exception_ids, to_hash=to_hash)
    if not draft.address or address_hash(draft.address) in draft.case.barred:
        return
    mark(draft, sent, asked=True, retold=True)
    case = draft.own_case()
    case.unheard = True
    if sent.apologized:
        case.apologized = 0  # nobody has read it
    for trouble in draft.case.troubles:
        if trouble.exception_id in sent.exception_ids and trouble.cleared_at is None:
            mine = draft.own(trouble)
            mine.round += 1
            mine.told = min(mine.told, mine.stage - 1)


# ---------------------------------------------------------------------------- people


def _open(draft: Draft) -> tuple[str, ...]:
    return tuple(t.exception_id for t in draft.case.troubles if t.cleared_at is None)
