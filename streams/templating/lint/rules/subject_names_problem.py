"""The subject says what is wrong, and with which order."""

from __future__ import annotations

from collections.abc import Iterator

from streams.templating.lint.finding import Found
from streams.templating.lint.tone import Prose, Tone, forbidden, says

_ORDER = "{order.id}"


class SubjectNamesProblem(Tone):
    """The subject "An update on your order" makes people open a mail in fear; the subject is the news.

    It names the trouble and, in the writer's words, the order (``{{ order.id }}``). Vague subjects are
    found even where they name something. A message with ``regret = false`` is about no trouble, and names none.
    """

    name = "subject_names_problem"
    why = "whoever reads only the subject should know what is wrong"
    source = "16 CFR 316.3 (subjects must not mislead) and Lewicki, Polin & Lount 2016 on acknowledging first"

    def read(self, prose: Prose) -> Iterator[Found]:
        """Read the subject on every way."""
        subjects = [passage for passage in prose.passages if passage.part == "subject"]
        if not subjects:
            yield Found(prose.top, "the subject is empty")
        words = self.looks_for(prose)
        yield from forbidden(prose, words, subjects)
        for passage in subjects:
            if words.required and prose.card.regret and not says(passage, words.required):
                yield Found(
                    prose.at(passage.line), f'the subject "{passage.text}" does not say what is wrong'
                )
            if prose.letter is None and _ORDER not in passage.text:
                yield Found(prose.at(passage.line), f'the subject "{passage.text}" does not name the order')


RULE = SubjectNamesProblem()
