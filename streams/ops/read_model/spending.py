"""What a remedy cost: what was decided, what came of it, and for which trouble; no database in here.

The decision and what came of it may be read in either order, and come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact
from streams.core.ids import identify
from streams.core.money import Money

Granted = (
    facts.ReturnLabelRequested
    | facts.ReplacementRequested
    | facts.GoodwillGranted
    | facts.ShippingRefundGranted
    | facts.RefundGranted
)
Answered = (
    facts.ReturnLabelIssued
    | facts.ReturnLabelRefused
    | facts.ReturnLabelVoided
    | facts.ReplacementAccepted
    | facts.ReplacementRefused
)
Standing = Literal["open", "spent", "undone"]

_IDS: Final = ("return_id", "replacement_id", "goodwill_id", "refund_id")
_CALLED: Final = {
    facts.ReturnLabelRequested: "return_label",
    facts.ReplacementRequested: "expedited_replacement",
    facts.GoodwillGranted: "goodwill_credit",
    facts.ShippingRefundGranted: "shipping_refund",
    facts.RefundGranted: "refund",
}
_WAITS: Final = frozenset({"return_label", "expedited_replacement"})  # somebody else must say yes first
_TURNS: Final = 12  # stages, or replacements of one trouble, that an id is looked for with


class CostState(msgspec.Struct, array_like=True):
    """One remedy by its own id: what was granted, and what was paid where that is known to differ.

    ``subject`` is the parcel that the trouble is about, or one of the words that detectors have for none.
    """

    remedy_id: str
    order_id: str
    at: datetime
    remedy: str = ""
    kind: str = ""
    subject: str = ""
    granted: Money | None = None
    paid: Money | None = None
    accepted: bool = False
    undone: bool = False

    @property
    def standing(self) -> Standing:
        """``open`` while nobody has said whether it was had, ``undone`` where it was not, or came back."""
        if self.undone:
            return "undone"
        return "open" if self.remedy in _WAITS and not self.accepted else "spent"

    @property
    def spent(self) -> Money | None:
        """Return what it cost in the end, None while that is open or where it came to nothing."""
        return (self.paid or self.granted) if self.standing == "spent" else None

    def gauges(self) -> list[str]:
        """Return what it counts for."""
        return []


class Behind(msgspec.Struct, array_like=True):
    """A trouble, as a remedy for it is told apart: its kind, and what it is about."""

    kind: str
    subject: str


def remedy_id(fact: AnyFact) -> str:
    """Return the id of the remedy that a decision grants, or that an outcome is about."""
    return next(one for name in _IDS if isinstance(one := getattr(fact, name, None), str))


def grant(cost: CostState, fact: Granted, behind: Behind | None, now: datetime) -> None:
    """Note what was decided, and for which trouble."""
    cost.order_id, cost.at, cost.remedy, cost.granted = fact.order_id, now, _CALLED[type(fact)], fact.cost
    if behind is not None:
        cost.kind, cost.subject = behind.kind, behind.subject


def answer(cost: CostState, fact: Answered) -> None:
    """Note what came of it; money that has come back, or never left, stays undone."""
    if isinstance(fact, facts.ReturnLabelIssued):
        cost.paid, cost.accepted = fact.cost, True
    elif isinstance(fact, facts.ReplacementAccepted):
        cost.accepted = True
    elif isinstance(fact, facts.ReturnLabelVoided):
        cost.undone = cost.undone or fact.refunded
    else:
        cost.undone = True


def cause(fact: Granted, known: Mapping[str, Behind], latest: str | None) -> str | None:
    """Return which of ``known`` a remedy is for: the one that its id is made of, else ``latest``.

    A shipping refund is of the order, and its id names no trouble. ``known`` are exceptions, and replacements
    that a refund stands in for.
    """
    wanted = remedy_id(fact)
    prefix = wanted.partition("_")[0]
    for one in known:
        if wanted in _ids(prefix, fact.order_id, one):
            return one
    return latest


def _ids(prefix: str, order_id: str, one: str) -> Iterable[str]:
    yield identify(prefix, order_id, one)
    for turn in range(1, _TURNS + 1):
        yield identify(prefix, order_id, one, str(turn))
