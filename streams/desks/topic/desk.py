"""Hands a replacement to an order system that reads our public decisions.

What it sees:
    A ``ReplacementRequested``. The same fact is public as ``replacement.requested.v1``, on the topic
    ``firstword.decisions`` and in the embedded journal.

What it does:
    Answers that the request stands. Being published is being ordered here: the order system reads the decision,
    places an order of its own with ``replaces`` set to our order id, and that order tells us the rest. The
    ``replacement_id`` is the same in every run and is what the order system drops a second copy by.

Known limits:
    It never refuses: an order system that cannot ship the replacement says so with ``order.canceled.v1`` for the
    order that replaces ours, or through a desk that asks it first.

Example:
    ``TopicDesk().order(request).reference == request.replacement_id``
"""

from __future__ import annotations

from streams.core.events import ReplacementAccepted, ReplacementRequested
from streams.settings import Settings


class TopicDesk:
    """The desk that needs no call: the decisions log is the order form."""

    name = "topic"
    is_remote = False

    @classmethod
    def from_settings(cls, _settings: Settings) -> TopicDesk:
        """Return the desk; there is nothing to set."""
        return cls()

    def order(self, request: ReplacementRequested) -> ReplacementAccepted:
        """Accept; the reference is the replacement id that the order system will find in the log."""
        return ReplacementAccepted(
            order_id=request.order_id,
            case_id=request.case_id,
            replacement_id=request.replacement_id,
            reference=request.replacement_id,
        )


DESK = TopicDesk
