"""The contract of a detector: given this order at this moment, is something wrong, and when to look again?"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec

from streams.core.events import Kind
from streams.core.finding import Look

if TYPE_CHECKING:
    from streams.core.order import Order
    from streams.core.policy import Policy

Topic = Literal["delay", "attempt", "loss", "contents"]


class Detector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector is a frozen set of thresholds; its fields are the keys of ``[detect.<kind>]``.

    ``topic`` groups kinds that are one piece of news to a customer. ``cured_by_arrival`` says whether
    the parcel's arrival ends the matter (lateness) or not (wrong contents).
    """

    kind: ClassVar[Kind]
    topic: ClassVar[Topic]
    cured_by_arrival: ClassVar[bool] = True

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return what is wrong at ``now``, and when to look again."""
        raise NotImplementedError
