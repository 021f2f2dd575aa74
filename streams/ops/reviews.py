"""What a person was asked, and what became of it: read out of a history, without a trace.

What would follow from a yes or a no is told by :mod:`streams.ops.foresight`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Literal

import msgspec

from streams.codec.blocks import decode_entries
from streams.codec.registry import decode_fact
from streams.core import events as facts
from streams.core.money import Money
from streams.ops.history import Decided, History
from streams.problems import InputProblem, UsageProblem

Standing = Literal["waiting", "approved", "refused", "expired", "moot"]
"""A person is awaited; said yes; said no; did not come in time; need not come any more."""

REASONS: Final[dict[facts.ReviewReason, str]] = {
    "budget": "It would cost more than may be spent without asking.",
    "second_failure": "It is the second failure in a row.",
    "kind_needs_person": "The policy wants a person to look at this kind.",
    "stale": "The news is old, and nobody was told yet.",
    "uncertain": "What was seen does not prove it.",
    "history": "This customer has met with trouble before.",
    "storm": "Unusually many orders have the same trouble at once.",
    "label_refused": "No return label could be had.",
    "bounced": "The mail about it came back.",
    "reply": "The customer answered, and nothing automatic is said before a person has read it.",
}
_NEAREST = 5  # ids that a hint names


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a person; ``asked_at`` is when it was put, ``limits`` what was said of limits, in sentences.

    ``by``, ``note`` and ``at`` say who decided it, why and when; a policy's name where nobody came in time.
    """

    review_id: str
    order_id: str
    case_id: str
    partition: int
    reason: facts.ReviewReason
    exception_ids: tuple[str, ...]
    remedies: tuple[str, ...]
    cost: Money
    asked_at: datetime
    decide_by: datetime | None = None
    limits: tuple[str, ...] = ()
    standing: Standing = "waiting"
    by: str = ""
    note: str = ""
    at: datetime | None = None
    narrowed: tuple[str, ...] | None = None

    def says(self) -> str:
        """Return as a sentence how it stands."""
        moment = f" at {self.at:%Y-%m-%dT%H:%M:%SZ}" if self.at is not None else ""
        match self.standing:
            case "waiting":
                return "it waits for a person"
            case "approved" | "refused":
                return f"{self.by} {self.standing} it{moment}" + (f": {self.note}" if self.note else "")
            case "expired":
                return f"nobody decided in time, so {self.by} did{moment}: {self.note}"
            case "moot":
                return "nobody need decide any more: it is over, or was asked anew"


def read_reviews(history: History) -> list[Review]:
    """Return every review that was ever asked for, the oldest first.

    Raises:
        WorldProblem: the history cannot be read.
    """
    found: list[Review] = []
    for extent in history.extents():
        asked = _Asked(extent.partition)
        for one in history.decided(extent.partition):
            asked.take(one)
        if asked.reviews:
            asked.answer(_answers(history, extent.partition))
        found.extend(asked.reviews.values())
    return sorted(found, key=lambda one: (one.asked_at, one.review_id))


def find_review(reviews: Iterable[Review], asked: str, place: str) -> Review:
    """Return the one review that ``asked`` names: its id, how that begins, or an order with one that waits.

    Raises:
        UsageProblem: ``review-not-found``, ``review-ambiguous``.
    """
    known = list(reviews)
    found = [one for one in known if one.review_id == asked]
    found = found or [one for one in known if one.review_id.startswith(asked)]
    if not found:
        of_order = [one for one in known if one.order_id == asked]
        found = [one for one in of_order if one.standing == "waiting"] or of_order[-1:]
    if not found:
        raise _unknown(asked, place, [one for one in known if one.standing == "waiting"])
    if len(found) > 1:
        raise _ambiguous(asked, place, found)
    return found[0]


class _Asked:
    """The reviews of one partition, as its decisions make and unmake them."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.reviews: dict[str, Review] = {}
        self._over: set[str] = set()
        self._limits: dict[str, list[str]] = {}

    def take(self, one: Decided) -> None:
        """Take a decision, or what came of one."""
        match one.fact:
            case facts.ReviewRequested():
                self._ask(one.fact, one.now)
            case facts.ReviewExpired():
                self._close(
                    one.fact.review_id, standing="expired", by=one.fact.by, note=one.fact.outcome, at=one.now
                )
            case facts.AllowanceRefused() if one.fact.reads:
                self._limits.setdefault(one.fact.case_id, []).append(one.fact.reads)
            case facts.ExceptionOpened():
                self._over.discard(one.fact.exception_id)
            case facts.ExceptionCleared():
                self._over.add(one.fact.exception_id)
                self._end({one.fact.exception_id}, over=True)
            case _:
                return

    def answer(self, resolved: Iterable[tuple[facts.ReviewResolved, datetime]]) -> None:
        """Take what people decided; of several words the first one counts."""
        for fact, at in resolved:
            known = self.reviews.get(fact.review_id)
            if known is None or known.standing in {"approved", "refused"} or _was_late(known, at):
                continue
            self.reviews[fact.review_id] = msgspec.structs.replace(
                known,
                standing="approved" if fact.approved else "refused",
                by=fact.by,
                note=fact.note or "",
                at=at,
                narrowed=fact.remedies,
            )

    def _ask(self, fact: facts.ReviewRequested, now: datetime) -> None:
        self._end(set(fact.exception_ids), over=False)
        self.reviews[fact.review_id] = Review(
            review_id=fact.review_id,
            order_id=fact.order_id,
            case_id=fact.case_id,
            partition=self.partition,
            reason=fact.reason,
            exception_ids=fact.exception_ids,
            remedies=fact.remedies,
            cost=fact.cost,
            asked_at=now,
            decide_by=fact.decide_by,
            limits=tuple(self._limits.get(fact.case_id, ())),
        )

    def _end(self, exception_ids: set[str], *, over: bool) -> None:
        """Close what need not be answered: all that it is about is over, or somebody is asked about it anew."""
        for one in list(self.reviews.values()):
            about = set(one.exception_ids)
            if one.standing == "waiting" and about & exception_ids and (not over or about <= self._over):
                self.reviews[one.review_id] = msgspec.structs.replace(one, standing="moot")

    def _close(self, review_id: str, *, standing: Standing, by: str, note: str, at: datetime) -> None:
        known = self.reviews.get(review_id)
        if known is not None and known.standing == "waiting":
            self.reviews[review_id] = msgspec.structs.replace(
                known, standing=standing, by=by, note=note.replace("_", " "), at=at
            )


def _was_late(known: Review, at: datetime) -> bool:
    return known.standing == "expired" and known.at is not None and at > known.at


def _answers(history: History, partition: int) -> Iterator[tuple[facts.ReviewResolved, datetime]]:
    """Yield what people decided, in the order in which it was written down; what nobody can read is passed over."""
    for batch in history.batches(partition):
        try:
            entries = [one for one in decode_entries(batch.block) if one.type == facts.ReviewResolved.TYPE]
            known = [(decode_fact(one.type, one.data), one.recorded_at) for one in entries]
        except InputProblem:
            continue
        for fact, at in known:
            if isinstance(fact, facts.ReviewResolved):
                yield fact, at


def _unknown(asked: str, place: str, waiting: list[Review]) -> UsageProblem:
    near = ", ".join(f"{one.review_id} ({one.order_id})" for one in waiting[:_NEAREST])
    return UsageProblem(
        "review-not-found",
        f"no review is called {asked}, and no order with one",
        where=place,
        hint=f"these wait: {near}"
        if near
        else "none waits; look at --data or --kafka, and at `firstword reviews list --all`",
    )


def _ambiguous(asked: str, place: str, found: list[Review]) -> UsageProblem:
    return UsageProblem(
        "review-ambiguous",
        f"{len(found)} reviews are called {asked}",
        where=place,
        why="it is how several ids begin, or an order with several questions",
        hint=f"name one of them: {', '.join(one.review_id for one in found[:_NEAREST])}",
    )
