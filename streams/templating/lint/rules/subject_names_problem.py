"""The subject says what is wrong, and with which order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.templating.lint.finding import Found, Page, Quiet

# What a subject about each kind of trouble speaks of; any one of the words is enough.
_NAMES = {
    "en": r"\b(?:late|stopped|not left|lost|not reach|could not|coming back|damaged|wrong|missing|more than|"
    r"let you down|replacement|return label)\b",
    "pt": r"(?:atras|parado|não saiu|perdemos|não chegou|não conseguimos|voltando|danificad|errado|falta|mais do que|"
    r"falhamos|novo envio|etiqueta)",
}
_VAGUE = {
    "en": r"\b(?:an update|update on your order|important|information about)\b",
    "pt": r"\b(?:uma atualização|atualização do seu pedido|importante|informações sobre)\b",
}
LIMIT = 78  # characters; RFC 5322 2.1.1 recommends lines of 78, and phones show half of that


class SubjectNamesProblem(Quiet):
    """The subject "An update on your order" makes people open a mail in fear; the subject is the news."""

    def page(self, page: Page) -> Iterable[Found]:
        """Look at one rendered subject; the order number's own length is not the writer's fault."""
        subject = page.mail.subject
        language = page.locale.split("_")[0]
        names, vague = _NAMES.get(language), _VAGUE.get(language)
        if not subject:
            yield Found(page.where, "the subject is empty")
        elif names is not None and not re.search(names, subject, re.IGNORECASE):
            yield Found(page.where, f'the subject "{subject}" does not say what is wrong')
        if vague is not None and re.search(vague, subject, re.IGNORECASE):
            yield Found(page.where, f'the subject "{subject}" is vague')
        if "order.id" not in page.words.subject:
            yield Found(page.where, "the subject does not name the order")
        if len(subject) > LIMIT and page.where.endswith("(typical)"):
            yield Found(page.where, f"the subject has {len(subject)} characters; {LIMIT} are enough")


RULE = SubjectNamesProblem()
