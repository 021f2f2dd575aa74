"""Every way through the words passes the paragraphs that the message must have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from streams.templating.catalogue import Slot
from streams.templating.lint.finding import Draft, Found, Quiet
from streams.templating.lint.ways import uncovered

_KNOWN = frozenset(get_args(Slot))


class RequiredSlots(Quiet):
    """``slots`` in message.toml lists what no reader may miss; every way through the ``{% if %}`` passes each.

    A line ``{# slot: repair #}`` marks the paragraph below it. Before an ``{% if %}`` it marks nothing: mark
    inside every branch. A mark that is not listed, or not known, is found too.
    """

    why = "a branch that nobody looked at is the one that a customer gets"
    source = "message.toml of the message"

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Prove each slot, and look for marks that are none."""
        for slot in draft.card.slots:
            marked = [passage for passage in draft.passages if slot in passage.slots]
            missed = uncovered([passage.ways for passage in marked])
            if missed is not None:
                when = f" when {missed}" if missed else ""
                better = f"a line {{# slot: {slot} #}} before the paragraph, in every branch"
                yield Found(draft.words.place, f"no paragraph is marked {slot}{when}", better)
        yield from _strangers(draft)


def _strangers(draft: Draft) -> Iterator[Found]:
    for passage in draft.passages:
        for slot in sorted(passage.slots - _KNOWN):
            known = ", ".join(get_args(Slot))
            yield Found(draft.at(passage.line), f"there is no slot called {slot}", f"one of {known}")
        for slot in sorted((passage.slots & _KNOWN) - set(draft.card.slots)):
            better = f'add "{slot}" to `slots` in message.toml'
            yield Found(draft.at(passage.line), f"{slot} is marked and not listed", better)


RULE = RequiredSlots()
