"""Sentences of at most 25 words, 15 on average."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.finding import Draft, Found, Quiet
from streams.templating.lint.reading import average_length, length, prose

LONGEST = 25  # words
AVERAGE = 15  # words
ENOUGH = 3  # sentences, before an average means anything


class SentenceLength(Quiet):
    """A long sentence is read twice, and somebody who has just been let down does not read twice.

    The longest has 25 words, the average 15. What is filled in (a day, an amount) counts as one word.
    False alarms: a list inside a sentence; make it a list.
    """

    severity = "warning"
    needs_pack = True
    why = "short sentences are understood at the first reading"
    source = "GOV.UK content design (25 words); Australian Government Style Manual (15 on average)"

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Count the words of each sentence, and of all of them."""
        if draft.pack is None:
            return
        sentences = prose(draft)
        for sentence in sentences:
            if length(sentence.text) > LONGEST:
                says = f'"{_begin(sentence.text)}" has {length(sentence.text)} words; {LONGEST} are enough'
                yield Found(draft.at(sentence.line), says, "make two sentences of it")
        if len(sentences) >= ENOUGH and average_length(sentences) > AVERAGE:
            says = f"an average sentence has {average_length(sentences):.1f} words; {AVERAGE} are enough"
            yield Found(draft.words.place, says, "split the longest ones")


def _begin(text: str) -> str:
    words = text.split()
    return " ".join(words[:6]) + ("..." if len(words) > 6 else "")


RULE = SentenceLength()
