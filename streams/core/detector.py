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
WEIGHED = 128
MIXED_UP = 256
ANY = 511

# What an event changed, where that is so little that most answers stand.
ANYTHING = 0
A_SCAN = 1  # one more scan, the latest: the parcel was under way and is, and is expected when it was
A_BOX = 2  # a plan without a label, or a packing scan: nothing has left, arrived or been called off


class Detector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector is a frozen set of thresholds; its fields are the keys of ``[detect.<kind>]``.

    ``topic`` groups kinds that are one piece of news to a customer. ``cured_by_arrival`` says whether
    the parcel's arrival ends the matter (lateness) or not (wrong contents). ``signs`` are the bits of
    which at least one must be set before it is worth looking; the default looks at every live order.
    ``unmoved_by`` names the small changes (``A_SCAN``, ``A_BOX``) of an order that is well at which the last
    answer still stands: nothing is wrong, and the alarm is the same. The default is asked every time.
    """

    kind: ClassVar[Kind]
    topic: ClassVar[Topic]
    cured_by_arrival: ClassVar[bool] = True
    signs: ClassVar[int] = ANY
    unmoved_by: ClassVar[int] = ANYTHING

    def detect(self, order: Order, now: datetime, policy: Policy) -> Look:
        """Return what is wrong at ``now``, and when to look again."""
        raise NotImplementedError
