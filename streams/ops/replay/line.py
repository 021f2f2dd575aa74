"""A decision as two tellings of it are compared: its identity, its moment and its words, byte for byte."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.codec.registry import decode_fact, encode_fact
from streams.core import events as facts
from streams.core.events import AnyFact
from streams.ops.history import Decided


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A decision as it is compared: ``body`` is its JSON without the letter, which the public log leaves out.

    ``story`` is the order whose event led to it: news of a replacement is decided by the replacement's order.
    ``position`` is the journal block that led to it.
    """

    id: str
    story: str
    type: str
    now: datetime
    position: int
    body: bytes
    letter: bytes | None = None

    def fact(self) -> AnyFact:
        """Return what was decided."""
        return decode_fact(self.type, self.body)


def line_of(decided: Decided, position: int) -> Line:
    """Return a decision or outcome as it is compared."""
    fact, letter = decided.fact, None
    if isinstance(fact, facts.MessageQueued) and fact.letter is not None:
        letter = msgspec.json.encode(fact.letter)
    fact = facts.without_private(fact)
    return Line(decided.id, _story(decided), decided.type, decided.now, position, encode_fact(fact), letter)


def is_progress(decided: Decided) -> bool:
    """True for news of a replacement where it is decided; on its way back in, it is the original order's."""
    fact = decided.fact
    return isinstance(fact, facts.ReplacementProgressed) and decided.id == fact.decision_id


def is_same(then: Line, today: Line) -> bool:
    """True when both say the same at the same moment, byte for byte; letters, where both have them."""
    return (
        then.id == today.id
        and then.now == today.now
        and then.type == today.type
        and then.body == today.body
        and (then.letter is None or today.letter is None or then.letter == today.letter)
    )


def _story(decided: Decided) -> str:
    if is_progress(decided):
        assert isinstance(decided.fact, facts.ReplacementProgressed)
        return decided.fact.replacement_order_id
    return decided.order_id
