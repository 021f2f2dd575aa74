"""What would follow from a person's yes or no: what is set in motion, what it costs, and the mail as it would go out.

The order's own past is folded as ``firstword run`` folds it, and the verdict behind it in a copy: nothing is
written, sent, bought or shipped. The world says yes at once; the customer's night and the window between two
mails are left out, for they say when a mail goes and not what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from typing import Final

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact, Decision, Event, Evidence, MessageQueued
from streams.core.money import Money
from streams.core.order import Order, Trouble
from streams.core.policy import Policy, Quiet
from streams.ops.history import History
from streams.ops.replay.folding import Folding
from streams.ops.reviews import Review
from streams.ops.verdicts import resolved
from streams.pipeline.ports import RenderedMail, Renderer
from streams.pipeline.processor import Processor, tick
from streams.pipeline.story import Told, World, kind_world, tell
from streams.problems import TemplateProblem
from streams.settings import Settings

SANDBOX: Final = "sandbox"  # the label provider that sells nothing
AHEAD: Final = timedelta(
    days=7
)  # how long a mail may take to come: policies tell within hours, the longest after two days
_REMEDY: Final[dict[type, str]] = {
    facts.ReturnLabelRequested: "return_label",
    facts.ReplacementRequested: "expedited_replacement",
    facts.GoodwillGranted: "goodwill_credit",
    facts.ShippingRefundGranted: "shipping_refund",
    facts.RefundGranted: "refund",
    facts.ReturnWaived: "return_waived",
}


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that would be set in motion; ``cost`` None where it costs us nothing."""

    remedy: str
    cost: Money | None
    decision: Decision


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """The mail as it would go out; ``problem`` says why its words cannot be filled in."""

    message: MessageQueued
    subject: str = ""
    preheader: str = ""
    text: str = ""
    html: str = ""
    has_label: bool = False
    problem: str = ""


class Foresight(msgspec.Struct, frozen=True, kw_only=True):
    """What would follow from one word; ``mail`` None where the customer would hear nothing."""

    offers: tuple[Offer, ...] = ()
    mail: Mail | None = None


class Standpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it stands at a moment, the review, and the troubles that it is about."""

    order: Order
    now: datetime
    review: Review
    troubles: tuple[Trouble, ...]

    @property
    def is_asked(self) -> bool:
        """False where the order does not wait for this review: another policy than today's asked, or it is decided."""
        asked = (one.verdict == "waiting" and one.review_id == self.review.review_id for one in self.troubles)
        return any(asked) or not self.review.exception_ids

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Return every sentence that the troubles rest on, once."""
        return tuple(dict.fromkeys(one for trouble in self.troubles for one in trouble.evidence))


def stand(history: History, review: Review, policy: Policy, wall: datetime, *, stays: bool) -> Standpoint:
    """Fold the order's past by ``policy``, up to ``wall``; a history that ``stays`` ends where its events end.

    Raises:
        WorldProblem: the history cannot be read.
    """
    folding = Folding(policy, only=(review.order_id,))
    for batch in history.batches(review.partition):
        folding.fold(batch)
    ended = folding.now
    now = wall if ended is None else ended if stays else max(wall, ended)
    order = folding.processor.orders.get(review.order_id, Order(order_id=review.order_id))
    return standpoint(order, review, now)


def retold(events: Iterable[Event], review: Review, policy: Policy, now: datetime) -> Standpoint:
    """Fold an order's own events, outcomes among them, letting time pass between them; for where no ticks are kept."""
    mind = Processor(policy)
    tell(events, policy, until=now, world=_no_answer, processor=mind)
    order = mind.orders.get(review.order_id, Order(order_id=review.order_id))
    return standpoint(order, review, mind.now or now)


def _no_answer(_decision: Decision) -> None:
    """Say nothing: what the world answered stands among the events."""


def standpoint(order: Order, review: Review, now: datetime) -> Standpoint:
    """Return an order that is folded already, as somebody sees it who is asked."""
    case = order.case
    known = case.troubles if case is not None else ()
    troubles = tuple(one for one in known if one.exception_id in review.exception_ids)
    return Standpoint(order=order, now=now, review=review, troubles=troubles)


def foresee(
    at: Standpoint,
    policy: Policy,
    renderer: Renderer,
    *,
    approved: bool,
    remedies: Sequence[str] | None = None,
    first_subject: str = "",
    world: World = kind_world,
) -> Foresight:
    """Return what follows when a person says yes (to ``remedies`` alone, when named) or no.

    ``first_subject`` is that of the case's first mail, under which all others go.
    """
    told = list(_until_told(at, _verdict(at, approved=approved, remedies=remedies), policy, world))
    message = next((one.decision for one in told if isinstance(one.decision, MessageQueued)), None)
    return Foresight(
        offers=tuple(_offers(told)),
        mail=_rendered(message, renderer, first_subject) if message is not None else None,
    )


def world_of(settings: Settings) -> World:
    """Return a world that says yes at once, with the label as the shop's own provider would make it.

    The sandbox makes its labels out of the request alone. Others buy, so that nobody knows the number before.
    """
    if settings.label_provider != SANDBOX:
        return partial(_with_label, issue=partial(_to_be_bought, settings.label_carrier or "the carrier"))
    from streams.labels.sandbox.provider import SandboxLabels

    return partial(_with_label, issue=SandboxLabels.from_settings(settings).buy)


def _with_label(
    decision: Decision, *, issue: Callable[[facts.ReturnLabelRequested], AnyFact]
) -> AnyFact | None:
    return issue(decision) if isinstance(decision, facts.ReturnLabelRequested) else kind_world(decision)


def _to_be_bought(carrier: str, request: facts.ReturnLabelRequested) -> AnyFact:
    return facts.ReturnLabelIssued(
        order_id=request.order_id,
        case_id=request.case_id,
        return_id=request.return_id,
        label_id=request.return_id,
        carrier=carrier,
        tracking_number="(known when it is bought)",
        cost=request.cost,
    )


def _verdict(at: Standpoint, *, approved: bool, remedies: Sequence[str] | None) -> Event:
    review = at.review
    return resolved(
        review.order_id, review.review_id, at.now, approved=approved, by="-", note="", remedies=remedies
    )


def _until_told(at: Standpoint, verdict: Event, policy: Policy, world: World) -> Iterator[Told]:
    """Yield what is decided from the verdict on, up to the mail about its troubles; other mails are left out."""
    mind = Processor(_at_any_hour(policy), {at.order.order_id: at.order})
    mind.now, about = at.now, set(at.review.exception_ids)
    told = tell([verdict], mind.policy, world=world, processor=mind)
    while True:
        for one in told:
            is_mail = isinstance(one.decision, MessageQueued)
            if is_mail and about and not about & set(one.decision.exception_ids):  # type: ignore[attr-defined]  # it is a mail
                continue
            yield one
            if is_mail:
                return
        due = mind.next_alarm()
        if due is None or due > at.now + AHEAD:
            return
        told = tell([tick(max(due, at.now))], mind.policy, world=world, processor=mind)


def _at_any_hour(policy: Policy) -> Policy:
    """Return the policy without the customer's night and without a window between two mails."""
    never = Quiet(start=time(0), end=time(0))
    notify = msgspec.structs.replace(policy.notify, window=timedelta(0))
    return msgspec.structs.replace(policy, quiet=never, notify=notify)


def _offers(told: Sequence[Told]) -> Iterator[Offer]:
    for one in told:
        decision = one.decision
        remedy = _REMEDY.get(type(decision))
        if remedy is not None:
            yield Offer(remedy=remedy, cost=getattr(decision, "cost", None), decision=decision)


def _rendered(message: MessageQueued, renderer: Renderer, first_subject: str) -> Mail:
    try:
        mail: RenderedMail = renderer.render(message)
    except TemplateProblem as problem:
        return Mail(message=message, problem=str(problem))
    return Mail(
        message=message,
        subject=mail.subject if mail.own_subject or not first_subject else first_subject,
        preheader=mail.preheader,
        text=mail.text,
        html=mail.page,
        has_label=message.letter is not None and message.letter.label_id is not None,
    )
