"""The contract of a remedy: given a case, what do we offer, and what does it cost?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

import msgspec

from streams.core.events import Decision
from streams.core.money import Money

if TYPE_CHECKING:
    from streams.core.order import Case, Order, Trouble
    from streams.core.policy import Policy


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What a remedy may look at."""

    order: Order
    case: Case
    trouble: Trouble
    now: datetime
    policy: Policy


class Remedy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A remedy is a frozen set of amounts; its fields are the keys of ``[remedy.<name>]``.

    ``with_message`` remedies are granted in the same step as the mail that tells them, so a parcel that
    arrives while the mail waits costs nothing; the others are set in motion at once.
    """

    name: ClassVar[str]
    with_message: ClassVar[bool] = False

    def propose(self, situation: Situation) -> Decision | None:
        """Return the decision that grants it, or None when there is nothing (more) to grant."""
        raise NotImplementedError

    def cost(self, decision: Decision) -> Money | None:
        """Return what a proposed decision costs, from its own ``cost`` field."""
        return getattr(decision, "cost", None)
