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

# Signs of an order: a detector whose signs are all absent cannot find anything and is not asked.
UNDER_WAY = 1
DIFFERS = 2
REPORTED = 4
DAMAGED = 8
RETURNING = 16
ATTEMPT_FAILED = 32
WORD_GIVEN = 64
ANY = 127


class Detector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector is a frozen set of thresholds; its fields are the keys of ``[detect.<kind>]``.

    ``topic`` groups kinds that are one piece of news to a customer. ``cured_by_arrival`` says whether
    the parcel's arrival ends the matter (lateness) or not (wrong contents). ``signs`` are the bits of
    which at least one must be set before it is worth looking; the default looks at every live order.
    """

    kind: ClassVar[Kind]
    topic: ClassVar[Topic]
    cured_by_arrival: ClassVar[bool] = True
    signs: ClassVar[int] = ANY

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return what is wrong at ``now``, and when to look again."""
        raise NotImplementedError
