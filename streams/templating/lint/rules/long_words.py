"""Words that a reader takes in at one look."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.finding import Draft, Found, Quiet
from streams.templating.lint.reading import prose, spoken


class LongWords(Quiet):
    """A word of twenty letters belongs to an office; each language's pack says how long is too long.

    Names and titles come from the order and are not counted. False alarms: a compound that everybody knows.
    """

    severity = "warning"
    needs_pack = True
    why = "long words are read letter by letter"
    source = "Amstad 1978 and Flesch 1948: the length of words is half of how hard a text is"

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Measure every word of the paragraphs."""
        if draft.pack is None:
            return
        most = draft.pack.reading.longest_word
        for word, line in dict.fromkeys(spoken(prose(draft))):
            if len(word) > most:
                yield Found(draft.at(line), f'"{word}" has {len(word)} letters', "say it in shorter words")


RULE = LongWords()
