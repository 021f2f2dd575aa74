"""No holes where something should have been filled in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.templating.lint.anatomy import Anatomy, anatomy_of
from streams.templating.lint.finding import Found, Page, Quiet

_FILLED = ("p", "h1", "h2", "h3", "li", "strong", "em", "a", "blockquote")
_HOLES = (
    # "None of it was your fault" begins a sentence; a program's None stands in the middle of one.
    (
        re.compile(r"(?<=[a-z,]\s)(?:None|undefined|NaN)(?=[\s.,;:!?]|$)"),
        "is what a program says, not a person",
    ),
    (re.compile(r"(?<=[^\W\d_])\s+[.,](?=\s|$)"), "has nothing before its stop"),
    (re.compile(r"""\(\s*\)|"\s*"|“\s*”|«\s*»|„\s*“"""), "has nothing in it"),
    (re.compile(r",\s*[,.]"), "has nothing between its stops"),
)


class NoEmptyPlaceholder(Quiet):
    """A name that turned out empty leaves "Hello ,", "on ." or an empty line; every sample is looked through.

    The compiler asks that whatever may be absent stands in an ``{% if %}``; this finds what is there and
    says nothing. Product titles are not read.
    """

    why = "a hole in a mail says that no person has written it"
    source = "Customer.io and Postmark: a missing fallback is an error"

    def page(self, page: Page) -> Iterable[Found]:
        """Look for holes in one rendered sample."""
        anatomy = anatomy_of(page.mail.html)
        for part in ("subject", "preheader"):
            yield from _in_text(page.where, getattr(page.mail, part))
        for text in _sentences(anatomy):
            yield from _in_text(page.where, text)
        for element in anatomy.of(*_FILLED):
            pictures = any(one.tag == "img" for one in element.below)
            if not element.words and not pictures and not element.hidden:
                yield Found(page.where, f"<{element.tag}> is empty", "put what may be empty between {% if %}")


def _sentences(anatomy: Anatomy) -> Iterator[str]:
    for element in anatomy.of("p", "h1", "h2", "h3", "li"):
        if not element.hidden and element.inside("words"):
            yield element.words


def _in_text(where: str, text: str) -> Iterator[Found]:
    for pattern, says in _HOLES:
        for match in pattern.finditer(text):
            around = text[max(0, match.start() - 15) : match.end() + 10].strip()
            yield Found(
                where, f'"{around}": "{match[0].strip()}" {says}', "put what may be empty between {% if %}"
            )


RULE = NoEmptyPlaceholder()
