"""What the console asks of the world: a :class:`Reading` to look at, and :class:`Deeds` to get something done.

Both are synchronous, and the pages call them in a thread. What a reading answers with is the read model's own
(:mod:`streams.ops.read_model.shapes`). Lists come by the page, which counts from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal, Protocol

import msgspec

from streams.ops.foresight import Foresight
from streams.ops.read_model.shapes import (
    Found,
    HeldMail,
    Ledger,
    Letters,
    LetterWhole,
    OpenCase,
    OpenReview,
    OrderStory,
    Page,
    Today,
    Variants,
)
from streams.pipeline.ports import Renderer
from streams.pipeline.story import World

Verdict = Literal["arrived", "send_again"]


class Reading(Protocol):
    """The console's questions; each is answered in milliseconds with a million orders."""

    def today(self) -> Today:
        """Return the counters of the first page."""
        ...

    def open_cases(self, kind: str | None, page: int) -> Page[OpenCase]:
        """Return cases with something open, the longest standing first; of one kind, or all."""
        ...

    def search(self, text: str) -> tuple[Found, ...]:
        """Return orders by id, beginning of an id, tracking number, address or message id; 50 at most."""
        ...

    def nearest(self, text: str) -> tuple[str, ...]:
        """Return up to three names that begin as ``text`` does, for a hint."""
        ...

    def order(self, order_id: str) -> OrderStory | None:
        """Return what is known about an order, or None where nothing is."""
        ...

    def words(self, version: str) -> bytes | None:
        """Return what the ledger kept of a version of the words; None where it kept nothing."""
        ...

    def reviews(self, page: int) -> Page[OpenReview]:
        """Return reviews that wait for a person, the longest waiting first."""
        ...

    def review(self, review_id: str) -> OpenReview | None:
        """Return one open review; None where it is resolved or never was."""
        ...

    def ahead(self, review_id: str, renderer: Renderer, world: World) -> Foresight | None:
        """Return what would follow from a yes to an open review; None where it is not asked any more."""
        ...

    def held(self, page: int) -> Page[HeldMail]:
        """Return mails that wait in their orders, the longest waiting first."""
        ...

    def letters(self, code: str | None, page: int) -> Letters:
        """Return dead letters, the newest first; of one code, or all."""
        ...

    def letter(self, letter_id: str) -> LetterWhole | None:
        """Return one dead letter."""
        ...

    def ledger(self, page: int) -> Ledger:
        """Return how the mails stand, and which are in doubt or were refused."""
        ...

    def variants(self) -> Variants:
        """Return what became of each wording that was tried, message by message."""
        ...


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """A policy to look at beside today's: its name, and what it changes (``detect.late_delivery.major_days=2``)."""

    name: str
    changes: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest that was run from here; ``said`` is what it printed, or why it failed."""

    name: str
    asked_at: datetime
    by: str
    variants: tuple[Variant, ...]
    state: Literal["running", "done", "failed"]
    said: str = ""


class Deeds(Protocol):
    """What a person may have done from here; whatever is asked twice happens once.

    Every one of them may raise ``streams.problems.Problem``: what could not be done, and the way out.
    """

    def resolve_review(
        self,
        review: OpenReview,
        *,
        approved: bool,
        by: str,
        note: str,
        remedies: Sequence[str] | None = None,
    ) -> None:
        """Hand over the event that a person decided; it is folded in a moment. ``remedies`` narrows a yes to these."""
        ...

    def redrive(self, letter_ids: Sequence[str], *, code: str | None, by: str) -> int:
        """Give these dead letters another try, or all with a code; return how many."""
        ...

    def settle(self, message_id: str, verdict: Verdict, *, by: str, evidence: str) -> bool:
        """Decide about a mail in doubt, or one that was refused; False when it has moved on meanwhile."""
        ...

    def reports(self) -> Sequence[Report]:
        """Return the backtests that were run, the newest first."""
        ...

    def report(self, name: str) -> bytes | None:
        """Return a report's page."""
        ...

    def backtest(self, variants: Sequence[Variant], *, until: date | None, by: str) -> str:
        """Start a backtest of today's policy beside these, and return its name."""
        ...
