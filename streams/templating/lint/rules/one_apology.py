"""Says sorry exactly once, early, and only when the letter asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.templating.lint.finding import Found, Page, Quiet

REGRET = {
    "en": r"\b(?:sorry|apologi[sz]e|apolog(?:y|ies)|regret)\b",
    "pt": r"\b(?:desculp\w+|perdão|lamentamos|sentimos muito)",
}
CONDITIONAL = {
    "en": r"\bsorry (?:if|for any)\b|\bsorry\b[^.]*\b(?:but|however)\b",
    "pt": r"\bdesculpas? (?:se|por qualquer|por eventuais)\b|\bdesculpas?\b[^.]*\b(?:mas|porém)\b",
}
EARLY = 450  # characters after the greeting: the second paragraph at the latest


class OneApology(Quiet):
    """Regret counts once; repeated it is worse than silence (Halperin et al. 2022).

    When ``letter.apologize`` is false the customer has been told already: facts only. Messages with
    ``regret = false`` in their message.toml never say sorry.
    """

    def page(self, page: Page) -> Iterable[Found]:
        """Count the regrets of one rendered text."""
        pattern = REGRET.get(page.locale.split("_")[0])
        if pattern is None:
            return
        body = page.mail.text
        regrets = list(re.finditer(pattern, body, re.IGNORECASE))
        wanted = page.letter.apologize and page.message.card.regret
        if len(regrets) > 1 or (regrets and not wanted):
            yield Found(
                page.where, f"says sorry {len(regrets)} times; {'once' if wanted else 'here not at all'}"
            )
        if wanted and not regrets:
            yield Found(page.where, "the letter asks for an apology and the words make none")
        if regrets and regrets[0].start() > EARLY:
            yield Found(page.where, "says sorry late; it belongs into the first two paragraphs")
        if re.search(CONDITIONAL[page.locale.split("_")[0]], body, re.IGNORECASE):
            yield Found(page.where, "an apology with an if or a but is none")


RULE = OneApology()
