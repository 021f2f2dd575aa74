"""Offers one next step, or says that there is nothing to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.templating.lint.finding import Found
from streams.templating.lint.language import compiled
from streams.templating.lint.passages import Passage
from streams.templating.lint.tone import Prose, RequiredWords
from streams.templating.lint.ways import ways


class OneNextStep(RequiredWords):
    """One thing to do, or the sentence that there is nothing to do; two ways to answer are one too many.

    On every way through the words there is such a sentence, in the paragraph marked ``{# slot: next_step #}``
    where there is one; no way offers a second channel (call, log in, fill in, click) or a second link. The
    answers to one question, a link each, are one step.
    """

    name = "one_next_step"
    slot = "next_step"
    lacking = "nothing here says what the customer does next, or that there is nothing to do"
    why = "somebody who has to choose how to answer often does not answer at all"
    source = "Dixon, Freeman & Toman 2010, Harvard Business Review 88(7-8); GOV.UK content design guidance"

    def read(self, prose: Prose) -> Iterator[Found]:
        """Look for the step, and for a second one."""
        yield from super().read(prose)
        channels = self.looks_for(prose).channels
        marks = [(passage, _channels(passage, channels)) for passage in prose.passages]
        offering = [(passage, found) for passage, found in marks if found or passage.links]
        names = {name for passage, _ in offering for way in passage.ways for name, _ in way}
        for way in ways(names):
            met = [one for one in offering if any(way.items() >= answers for answers in one[0].ways)]
            yield from _one_too_many(prose, met)

    def wanted(self, card: object) -> bool:  # noqa: ARG002 - the port's shape
        """Want it of every message."""
        return True


def _channels(passage: Passage, patterns: Sequence[str]) -> frozenset[int]:
    return frozenset(
        number for number, pattern in enumerate(patterns) if compiled(pattern).search(passage.text)
    )


def _one_too_many(prose: Prose, met: Sequence[tuple[Passage, frozenset[int]]]) -> Iterator[Found]:
    channels: frozenset[int] = frozenset().union(*(found for _, found in met))
    if len(channels) > 1:
        yield Found(prose.at(met[-1][0].line), f"offers {len(channels)} ways to act; one is enough")
    answers = sum(passage.answers for passage, _ in met)  # money back or waiting: one question, one step
    links = sum(passage.links for passage, _ in met) - max(0, answers - 1)
    if links > 1:
        yield Found(prose.at(met[-1][0].line), f"holds {links} links; one is enough")


RULE = OneNextStep()
