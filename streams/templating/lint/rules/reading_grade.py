"""Easy enough for everybody, by the formula of the language."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.finding import Draft, Found, Quiet
from streams.templating.lint.reading import grade, prose, words_of

ENOUGH = 20  # words; formulas were made for texts, and say nothing of half a line


class ReadingGrade(Quiet):
    """Counts words per sentence and syllables per word, as the formula of each language weighs them.

    The pack names formula, source and limit. A bad value is always one of two things: long sentences or
    long words; the other two rules say where. False alarms: very short mails with one long word.
    """

    severity = "warning"
    needs_pack = True
    why = "bad news must be understood by somebody who is tired, in a hurry, or reads it in a second language"
    source = "Kincaid 1975 (English), Amstad 1978 (German), Fernandez Huerta 1959 (Spanish), Kandel & Moles 1958 (French), Martins 1996 (Portuguese)"

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Grade the paragraphs as a whole."""
        sentences = prose(draft)
        if draft.pack is None or sum(len(words_of(sentence.text)) for sentence in sentences) < ENOUGH:
            return
        reading = draft.pack.reading
        found = grade(sentences, reading)
        too_hard = found < reading.hardest if reading.easier_is_more else found > reading.hardest
        if too_hard:
            limit = "at least" if reading.easier_is_more else "at most"
            says = f"{reading.formula} {found:.1f}; {limit} {reading.hardest:.0f} is easy to read"
            yield Found(draft.words.place, says, "shorter sentences, and shorter words")


RULE = ReadingGrade()
