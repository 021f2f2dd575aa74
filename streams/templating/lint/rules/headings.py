"""One heading at the top, and none skipped below it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from streams.templating.lint.anatomy import anatomy_of
from streams.templating.lint.finding import Found, Page, Quiet


class Headings(Quiet):
    """Exactly one ``#`` at the top, with words in it; after ``##`` may come ``###``, but not before.

    Screen readers jump from heading to heading, and everybody else's eyes do the same.
    """

    why = "the heading says what happened to somebody who reads nothing else"
    source = "WCAG 2.2, 1.3.1 and 2.4.6"

    def page(self, page: Page) -> Iterable[Found]:
        """Walk down the headings of one rendered sample."""
        headings = [
            one for one in anatomy_of(page.mail.html).of("h1", "h2", "h3", "h4", "h5", "h6") if not one.hidden
        ]
        levels = [int(heading.tag[1]) for heading in headings]
        if levels.count(1) != 1:
            yield Found(page.where, f"there are {levels.count(1)} headings with one #", "one, at the top")
        elif levels[0] != 1:
            yield Found(page.where, f"the first heading has {levels[0]} #", "begin with one #")
        for above, below in pairwise(levels):
            if below > above + 1:
                yield Found(page.where, f"a heading with {below} # follows one with {above}")
        for heading in headings:
            if not heading.words:
                yield Found(page.where, f"the heading <{heading.tag}> is empty")


RULE = Headings()
