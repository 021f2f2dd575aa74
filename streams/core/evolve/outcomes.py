"""What became of our mails and labels; a range that we named in a mail is our word from then on."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from streams.core import events as facts
from streams.core.events import Event
from streams.core.evolve.case import case_of
from streams.core.order import Allowance, Order, Promise, Sent, amended
from streams.core.policy import Policy
from streams.core.zones import day_ends

# No such mailbox, no such host, no address at all, moved, takes no mail (RFC 7505); no longer used (RFC 3463 3.2 and 3.3).
_NO_SUCH_MAILBOX = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})


def mailed(status: str) -> Callable[[Order, Event, Any, Policy], None]:
    """Return the change that an outcome of a mail makes: accepted is the last word, unless it bounces."""

    def change(order: Order, event: Event, fact: facts.MessageOutcome, _policy: Policy) -> None:
        case = case_of(order)
        messages = []
        for known in case.messages:
            mine = known
            if known.message_id == fact.message_id and known.status != "accepted":
                mine = copy(known)
                mine.nobody_there = mine.nobody_there or _names_nobody(status, fact.reply)
                if known.status != "bounced":  # on another topic, a bounce may overtake the relay's yes
                    mine.status = status  # type: ignore[assignment]
                if status in {"accepted", "in_doubt"}:
                    _give_word(order, mine, event.id)
            elif known.message_id == fact.message_id and status == "bounced":
                mine = copy(known)
                mine.status = "bounced"
                mine.nobody_there = mine.nobody_there or _names_nobody(status, fact.reply)
            messages.append(mine)
        case.messages = tuple(messages)

    return change


def _names_nobody(status: str, reply: str | None) -> bool:
    """True for a bounce that says so; a full mailbox, or a mail system in trouble, may take the next mail."""
    return status == "bounced" and (reply or "").partition(" ")[0] in _NO_SUCH_MAILBOX


def _give_word(order: Order, sent: Sent, event_id: str) -> None:
    """Take the ranges in our own mail as promises; a person's word about the order stands above it."""
    if sent.arrives is not None and not _staff_promised(order, sent.queued_at):
        order.word = _own_word(order, sent.arrives.by, event_id)
    if sent.replacement_arrives is not None:
        order.replacement_word = _own_word(order, sent.replacement_arrives.by, event_id)


def _own_word(order: Order, by: date, event_id: str) -> Promise:
    return Promise(by, day_ends(by, order.zone), event_id, "mail")


def _staff_promised(order: Order, moment: datetime) -> bool:
    promise = order.promise
    return promise is not None and promise.told_by == "staff" and promise.ends_at > moment


def label_issued(order: Order, _event: Event, fact: facts.ReturnLabelIssued, _policy: Policy) -> None:
    """Note the label that was bought."""
    _amend_return(
        order,
        fact.return_id,
        label_id=fact.label_id,
        carrier=fact.carrier,
        tracking_number=fact.tracking_number,
        cost=fact.cost,
    )


def label_refused(order: Order, _event: Event, fact: facts.ReturnLabelRefused, _policy: Policy) -> None:
    """Note that no label could be had: the letter goes without it."""
    _amend_return(order, fact.return_id, refused=True)


def allowance_granted(order: Order, _event: Event, fact: facts.AllowanceGranted, _policy: Policy) -> None:
    """Note that it may be spent and said."""
    _answered(order, Allowance(fact.allowance_id, status="granted", apology=fact.apology))


def allowance_held(order: Order, _event: Event, fact: facts.AllowanceHeld, _policy: Policy) -> None:
    """Note that it waits for people who look at a storm."""
    _answered(order, Allowance(fact.allowance_id, status="held"))


def allowance_refused(order: Order, _event: Event, fact: facts.AllowanceRefused, _policy: Policy) -> None:
    """Note that a person decides, and because of which limit."""
    _answered(order, Allowance(fact.allowance_id, status="refused", limit=fact.limit))


def _answered(order: Order, answer: Allowance) -> None:
    """Take the answer; a yes or a no stands, and only waiting gives way."""
    case = case_of(order)
    case.allowances = tuple(
        replace(answer, about=one.about, costs=one.costs)
        if one.allowance_id == answer.allowance_id and one.status in {"asked", "held"}
        else one
        for one in case.allowances
    )


def _amend_return(order: Order, return_id: str, **changes: Any) -> None:
    case = case_of(order)
    case.returns = amended(case.returns, lambda one: one.return_id == return_id, **changes)
