"""Words only: we say sorry once, early, and take the responsibility."""

from __future__ import annotations

from typing import ClassVar

from streams.core.events import Decision
from streams.core.remedy import Remedy, Situation


class Apology(Remedy, frozen=True, kw_only=True):
    """Costs nothing and is never repeated: repeated apologies make it worse (Halperin et al., 2022).

    There is no fact to record: the mail that carries it is marked, and the case remembers.
    """

    name: ClassVar[str] = "apology"
    with_message: ClassVar[bool] = True

    def propose(self, situation: Situation) -> Decision | None:
        """Return None: the letter itself is the remedy."""
        return None


REMEDY = Apology
