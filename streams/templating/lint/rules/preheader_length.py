"""A preview line that says something of its own, and says it early."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.templating.lint.finding import Found, Page, Quiet

SHORTEST = 30  # characters; below that mail programs fill up with what stands next in the mail
SHOWN = 90  # characters
_END = re.compile(r"[.!?…](?=\s|$)")


class PreheaderLength(Quiet):
    """The line below the subject: 30 characters or more, and a first sentence within the first 90.

    Shorter, and mail programs go on with the greeting; longer, and the news is cut off. It does not repeat
    the subject. The sample ``worst`` has facts of absurd length and is not judged.
    """

    severity = "warning"
    why = "it is the second sentence that people read, and often the last"
    source = "caniemail.com and vendors' pages: mail programs show 40 to 90 characters"

    def page(self, page: Page) -> Iterable[Found]:
        """Measure one rendered preview line."""
        line = page.mail.preheader
        if page.where.endswith("(worst)"):
            return
        if len(line) < SHORTEST:
            yield Found(page.where, f"the preheader has {len(line)} characters; {SHORTEST} are the least")
        end = _END.search(line)
        if len(line) > SHOWN and (end is None or end.end() > SHOWN):
            says = f"the preheader's first sentence does not end within {SHOWN} characters"
            yield Found(page.where, says, "put the news into a short first sentence")
        if line.strip().rstrip(".") == page.mail.subject.strip().rstrip("."):
            yield Found(page.where, "the preheader repeats the subject")


RULE = PreheaderLength()
