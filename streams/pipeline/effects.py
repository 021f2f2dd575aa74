"""Makes decisions true, once each, and reports what came of it as facts for the front door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

from streams import telemetry
from streams.core import events as facts
from streams.core.events import AnyFact, Decision
from streams.pipeline.ports import Desk, Judge, LabelProvider, LabelShelf, Matcher, Sender
from streams.problems import Problem

_T = TypeVar("_T")


class Apart(Protocol):
    """How work that may wait for somebody is done: in place, or where it stops nothing else."""

    def __call__(self, work: Callable[..., _T], *arguments: object) -> Awaitable[_T]:
        """Do the work and return what it returns."""
        ...


async def in_place(work: Callable[..., _T], *arguments: object) -> _T:
    """Do the work here and now."""
    return work(*arguments)


_ALWAYS = (
    facts.ReturnLabelRequested,
    facts.ReturnLabelLapsed,
    facts.ReplacementRequested,
    facts.ReplacementProgressed,
    facts.AllowanceRequested,
    facts.MixUpSuspected,
    facts.MessageQueued,
)


def is_effective(decision: Decision) -> bool:
    """True when somebody must make the decision true; all others are only said."""
    if isinstance(decision, facts.MessageWithdrawn):
        return decision.queued
    if isinstance(decision, facts.ReviewRequested):
        return decision.to_hash is not None
    return isinstance(decision, _ALWAYS)


class Effects:
    """Labels, replacements and mail behind one door; each call may be repeated and does its work once.

    ``apart`` is where label providers, desks and the ledger are asked. ``judge`` answers for all orders what may
    be spent and said, ``matcher`` looks for the other box of a mix-up; without them all is granted and nothing found.
    """

    def __init__(
        self,
        *,
        labels: LabelProvider,
        store: LabelShelf,
        desk: Desk,
        sender: Sender,
        judge: Judge | None = None,
        matcher: Matcher | None = None,
        apart: Apart = in_place,
    ) -> None:
        self.labels = labels
        self.store = store
        self.desk = desk
        self.sender = sender
        self.judge = judge
        self._matcher = matcher
        self._apart = apart

    async def perform(self, decision: Decision, now: datetime) -> tuple[AnyFact, ...]:
        """Make one decision true and return the outcomes; the same again when asked again.

        Raises:
            streams.problems.Problem: it cannot be done now, and may be later.
        """
        match decision:
            case facts.ReturnLabelRequested():
                return (await self._apart(self._buy, decision),)
            case facts.ReturnLabelLapsed():
                return (await self._apart(self._void, decision),)
            case facts.ReplacementRequested():
                return (await self._apart(self._order, decision),)
            case facts.ReplacementProgressed():
                return (decision,)
            case facts.MessageQueued():
                return await self.sender.send(decision, now)
            case facts.AllowanceRequested():
                return (await self._apart(self._judged, decision, now),)
            case facts.MixUpSuspected():
                return (
                    () if self._matcher is None else await self._apart(self._matcher.suspect, decision, now)
                )
            case facts.ReviewRequested():
                if decision.to_hash is not None:
                    why = f"mail to it came back, and nobody is there (review {decision.review_id})"
                    await self._apart(self.sender.bar, decision.to_hash, why, now)
                return ()
            case facts.MessageWithdrawn():
                await self._apart(self.sender.withdraw, decision.message_id, now)
                return ()
            case _:
                return ()

    def _judged(self, request: facts.AllowanceRequested, now: datetime) -> AnyFact:
        if self.judge is not None:
            return self.judge.judge(request, now)
        return facts.AllowanceGranted(
            order_id=request.order_id, case_id=request.case_id, allowance_id=request.allowance_id
        )

    def _buy(self, request: facts.ReturnLabelRequested) -> AnyFact:
        answer = self._bought(request)
        if isinstance(answer, facts.ReturnLabelIssued):
            telemetry.label_issued(
                order_id=request.order_id, return_id=request.return_id, provider=self.labels.name
            )
        else:
            telemetry.label_refused(
                order_id=request.order_id,
                return_id=request.return_id,
                provider=self.labels.name,
                why=answer.reason,
            )
        return answer

    def _void(self, lapsed: facts.ReturnLabelLapsed) -> AnyFact:
        issued = facts.ReturnLabelIssued(
            order_id=lapsed.order_id,
            case_id=lapsed.case_id,
            return_id=lapsed.return_id,
            label_id=lapsed.label_id,
            carrier=lapsed.carrier,
            tracking_number=lapsed.tracking_number,
            cost=lapsed.cost,
        )
        return facts.ReturnLabelVoided(
            order_id=lapsed.order_id,
            case_id=lapsed.case_id,
            return_id=lapsed.return_id,
            label_id=lapsed.label_id,
            refunded=self._voided(issued),
        )

    def _voided(self, issued: facts.ReturnLabelIssued) -> bool:
        try:
            return self.labels.void(issued)
        except Exception as error:  # noqa: BLE001 - a label that stays paid stops nothing
            telemetry.label_not_voided(
                order_id=issued.order_id,
                return_id=issued.return_id,
                provider=self.labels.name,
                why=_why(error),
            )
            return False

    def _bought(
        self, request: facts.ReturnLabelRequested
    ) -> facts.ReturnLabelIssued | facts.ReturnLabelRefused:
        """Buy and keep the label: its document is on the shelf before anybody hears of it."""
        try:
            answer = self.labels.buy(request)
            if isinstance(answer, facts.ReturnLabelIssued):
                self.store.put(answer.label_id, self.labels.document(answer))
        except Exception as error:  # noqa: BLE001 - one strange label must not stop all other effects
            return facts.ReturnLabelRefused(
                order_id=request.order_id,
                case_id=request.case_id,
                return_id=request.return_id,
                reason=_why(error),
            )
        return answer

    def _ordered(
        self, request: facts.ReplacementRequested
    ) -> facts.ReplacementAccepted | facts.ReplacementRefused:
        try:
            return self.desk.order(request)
        except Exception as error:  # noqa: BLE001 - a person looks at it; all other effects go on
            return facts.ReplacementRefused(
                order_id=request.order_id,
                case_id=request.case_id,
                replacement_id=request.replacement_id,
                reason=_why(error),
            )

    def _order(self, request: facts.ReplacementRequested) -> AnyFact:
        answer = self._ordered(request)
        if isinstance(answer, facts.ReplacementAccepted):
            telemetry.replacement_accepted(
                order_id=request.order_id, replacement_id=request.replacement_id, desk=self.desk.name
            )
        else:
            telemetry.replacement_refused(
                order_id=request.order_id,
                replacement_id=request.replacement_id,
                desk=self.desk.name,
                why=answer.reason,
            )
        return answer


def _why(error: Exception) -> str:
    """Return the reason of a refusal; a problem that passes by itself is raised again.

    The decision stays pending then, and the next start tries it anew: the disk may have room by that time.
    """
    if isinstance(error, Problem):
        if error.retriable:
            raise error
        return f"{error.what} [{error.code}]"
    return f"the program failed on it: {type(error).__name__}"
