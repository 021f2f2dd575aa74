"""A subject that is seen whole."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.finding import Found, Page, Quiet

SHORTEST = 15  # characters: less does not hold a verb, a thing and an order
LONGEST = 78  # characters


class SubjectLength(Quiet):
    """A list of mails shows 40 to 78 characters: what is wrong stands first, the number may be cut.

    The sample ``worst`` has an order number of absurd length and is not judged.
    """

    severity = "warning"
    why = "what is cut off is not read"
    source = "RFC 5322, 2.1.1 (lines of 78 characters); phones show about 40"

    def page(self, page: Page) -> Iterable[Found]:
        """Measure one rendered subject."""
        size = len(page.mail.subject)
        if page.where.endswith("(worst)"):
            return
        if size > LONGEST:
            yield Found(page.where, f"the subject has {size} characters; {LONGEST} are shown at most")
        elif size < SHORTEST:
            yield Found(page.where, f"the subject has {size} characters: too few to say what is wrong")


RULE = SubjectLength()
