"""Decisions of a stretch handed to the outbox once more: only what still stands, is young enough, and was confirmed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from streams.codec.registry import decode_fact, encode_fact
from streams.core import events as facts
from streams.core.events import Decision
from streams.ops.history import Decided, Extent
from streams.ops.replay.crew import Report, Stop, fold_all
from streams.ops.replay.folding import Folding
from streams.ops.replay.travel import Arrived, Came, Route, travel
from streams.ops.telling import say
from streams.pipeline.effects import is_effective
from streams.problems import UsageProblem

Purpose = Literal["apology", "note", "remedy"]
"""``apology``: a mail that says sorry. ``note``: any other mail. ``remedy``: a label or a replacement."""

MAX_AGE: Mapping[Purpose, timedelta] = {
    # An apology for what was two days ago is read as mockery; a note is stale the next morning.
    "apology": timedelta(days=2),
    "note": timedelta(days=1),
    "remedy": timedelta(days=2),
}
_SORTS: Mapping[type[Decision], str] = {
    facts.MessageQueued: "mail",
    facts.ReturnLabelRequested: "label",
    facts.ReplacementRequested: "replacement",
}


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A decision that somebody must make true, and the moment at which it was made."""

    id: str
    order_id: str
    type: str
    now: datetime
    body: bytes

    def fact(self) -> Decision:
        """Return the decision."""
        fact = decode_fact(self.type, self.body)
        assert isinstance(fact, Decision)
        return fact


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One decision of the stretch, for people: whether it goes to the outbox, and if not, why."""

    order_id: str
    id: str
    type: str
    at: datetime
    purpose: Purpose | None
    says: str
    left: str | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would go into the outbox, and what is left with its reason; ``messages`` of what goes are mails."""

    history: str
    policy: str
    now: datetime
    going: tuple[Choice, ...]
    left: tuple[Choice, ...]
    messages: int
    came: tuple[Came, ...]
    decisions: tuple[Kept, ...]


class Outbox(Protocol):
    """Where decisions wait to be made true."""

    name: str

    def put(self, decisions: Sequence[Kept]) -> int:
        """Put decisions in, and return how many are news to it; twice is once, for the ledger knows their ids."""
        ...


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """What the world did about a matter (a mail, a label, a replacement) of an order, and whether for good."""

    order_id: str
    sort: str
    says: str
    is_done: bool


class Found(msgspec.Struct):
    """Effective decisions of the stretch, all matters that are decided today, and what was answered to any."""

    decisions: dict[str, Kept] = {}
    matters: set[str] = set()
    answers: dict[str, Answer] = {}


class LiveTask:
    """Collects the effective decisions of a stretch, and what had become of them by the end of the history."""

    def __init__(self, route: Route, partition: int) -> None:
        self.lines: list[tuple[datetime, bytes]] = []
        self.found = Found()
        self._stretch = route.stretch
        self._partition = partition

    def take(self, position: int, now: datetime | None, decided: list[Decided]) -> None:  # noqa: ARG002 - a task's signature
        """Keep what somebody must make true, and note what came of it, also outside of the stretch."""
        found = self.found
        for one in decided:
            fact = one.fact
            answer = _answer(one)
            if answer is not None:
                found.answers[answer[0]] = answer[1]
            if not (isinstance(fact, Decision) and one.id == fact.decision_id and _is_answered(fact)):
                continue
            found.matters.add(_matter(fact))
            if self._stretch.covers(self._partition, position, one.now, one.order_id):
                found.decisions[one.id] = Kept(one.id, one.order_id, one.type, one.now, encode_fact(fact))

    def keep(self) -> bytes:
        """Return what was found."""
        return msgspec.msgpack.encode(self.found)

    def recall(self, kept: bytes) -> None:
        """Take up what was found."""
        self.found = msgspec.msgpack.decode(kept, type=Found)

    def finish(self, folding: Folding) -> list[tuple[Kept, str | None]]:  # noqa: ARG002 - a task's signature
        """Return each decision with why it is left alone, or None."""
        found = self.found
        others = {
            (answer.order_id, answer.sort): answer.says
            for matter, answer in found.answers.items()
            if answer.is_done and matter not in found.matters
        }
        return [(one, _fate(one, found.answers, others)) for one in found.decisions.values()]


def _answer(one: Decided) -> tuple[str, Answer] | None:
    """Return what a fact says about a matter, or None when it leaves it open."""
    match fact := one.fact:
        case (
            facts.MessageAccepted()
            | facts.MessageRefused()
            | facts.MessageInDoubt()
            | facts.MessageBounced()
            | facts.MessageSuppressed()
        ):
            matter, sort = fact.message_id, "mail"
        case facts.MessageWithdrawn():
            return fact.message_id, Answer(one.order_id, "mail", f"it no longer stands: {say(fact)}", False)
        case facts.ReturnLabelIssued() | facts.ReturnLabelRefused():
            matter, sort = fact.return_id, "label"
        case facts.ReplacementAccepted() | facts.ReplacementRefused():
            matter, sort = fact.replacement_id, "replacement"
        case facts.ReturnLabelVoided():
            matter, sort = f"void:{fact.return_id}", "label"
        case facts.AllowanceGranted() | facts.AllowanceHeld() | facts.AllowanceRefused():
            matter, sort = fact.allowance_id, "allowance"
        case facts.ReplacementProgressed() if one.id != fact.decision_id:  # on its way back in
            matter, sort = fact.decision_id, "news"
        case _:
            return None
    return matter, Answer(one.order_id, sort, f"it is done: {say(fact)}", True)


def _fate(one: Kept, answers: Mapping[str, Answer], others: Mapping[tuple[str, str], str]) -> str | None:
    decision = one.fact()
    if isinstance(decision, facts.MessageWithdrawn):
        return None  # it only closes a door, and may have been lost with the mail that it stops
    answer = answers.get(_matter(decision))
    if answer is not None:
        return answer.says
    # Under another policy the same trouble may have another id: the ledger would not know that it was told.
    other = others.get((one.order_id, _SORTS.get(type(decision), "")))
    return f"another one stood in its place then, and {other}" if other is not None else None


def plan(
    route: Route,
    extents: tuple[Extent, ...],
    *,
    now: datetime,
    jobs: int,
    report: Report,
    stop: Stop,
    max_age: Mapping[Purpose, timedelta] = MAX_AGE,
    notes: Collection[str] = (),
) -> Plan | None:
    """Say what would go into the outbox; nothing goes. None when we were asked to stop before the end.

    ``notes`` are templates that never apologize. A message is judged by everything the history knows: what was
    answered, withdrawn or has grown too old stays where it is.

    Raises:
        streams.problems.Problem: whatever keeps the history from being read.
    """

    def job(extent: Extent, tell: Report, ask: Stop) -> Arrived[list[tuple[Kept, str | None]]]:
        return travel(route, extent, LiveTask(route, extent.partition), tell, ask)

    arrived = fold_all(job, extents, jobs=jobs, report=report, stop=stop)
    parts = [one.result for one in arrived if one.result is not None]
    if len(parts) < len(arrived):
        return None
    found = sorted((one for part in parts for one in part), key=lambda one: (one[0].now, one[0].id))
    choices = [(kept, _choose(kept, fate, now, max_age, notes)) for kept, fate in found]
    going = [(kept, choice) for kept, choice in choices if choice.left is None]
    return Plan(
        history=route.history.name,
        policy=route.policy.version,
        now=now,
        going=tuple(choice for _, choice in going),
        left=tuple(choice for _, choice in choices if choice.left is not None),
        messages=sum(choice.type == facts.MessageQueued.TYPE for _, choice in going),
        came=tuple(one.came for one in arrived),
        decisions=tuple(kept for kept, _ in going),
    )


def confirm(planned: Plan, number: int | None) -> None:
    """Refuse to go on unless somebody named the number of mails that will go out.

    Raises:
        UsageProblem: ``live-unconfirmed``.
    """
    if number == planned.messages:
        return
    said = "nobody said how many" if number is None else f"{number} were confirmed"
    raise UsageProblem(
        "live-unconfirmed",
        f"{planned.messages} mails would go out, and {said}",
        where="--confirm" if number is None else f"--confirm {number}",
        why="live hands decisions to those who make them true; the number shows that you have seen the list",
        hint=f"read the list, then run it again with --yes --confirm {planned.messages}",
    )


def purpose_of(decision: Decision, notes: Collection[str]) -> Purpose | None:
    """Return what a decision is for; None for what only ends or reports something, which is never too old."""
    match decision:
        case facts.MessageQueued():
            sorry = decision.letter is not None and decision.letter.apologize
            return "apology" if sorry and decision.template not in notes else "note"
        case facts.ReturnLabelRequested() | facts.ReplacementRequested():
            return "remedy"
        case _:
            return None


def _choose(
    kept: Kept,
    fate: str | None,
    now: datetime,
    max_age: Mapping[Purpose, timedelta],
    notes: Collection[str],
) -> Choice:
    decision = kept.fact()
    purpose = purpose_of(decision, notes)
    return Choice(
        order_id=kept.order_id,
        id=kept.id,
        type=kept.type,
        at=kept.now,
        purpose=purpose,
        says=say(decision),
        left=fate if fate is not None else _too_old(now - kept.now, purpose, max_age),
    )


def _too_old(age: timedelta, purpose: Purpose | None, max_age: Mapping[Purpose, timedelta]) -> str | None:
    if purpose is None or age <= max_age[purpose]:
        return None
    return f"it is too old: {_spell(age)}, and {purpose} may be {_spell(max_age[purpose])} old at most"


def _spell(length: timedelta) -> str:
    hours = length.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"


def _is_answered(decision: Decision) -> bool:
    """True for what somebody must make true, and says so; a question that mostly has no answer is not asked again."""
    return is_effective(decision) and not isinstance(decision, (facts.MixUpSuspected, facts.ReviewRequested))


def _matter(decision: Decision) -> str:
    """Return the id under which the world answers a decision."""
    match decision:
        case facts.MessageQueued() | facts.MessageWithdrawn():
            return decision.message_id
        case facts.ReturnLabelRequested():
            return decision.return_id
        case facts.ReplacementRequested():
            return decision.replacement_id
        case facts.ReturnLabelLapsed():
            return f"void:{decision.return_id}"
        case facts.AllowanceRequested():
            return decision.allowance_id
        case _:
            return decision.decision_id
