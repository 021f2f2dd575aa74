"""A named person writes, and can be answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.templating.lint.finding import Found, Page
from streams.templating.lint.tone import ForbiddenWords

_NOBODY = re.compile(r"no.?reply|do.?not.?reply|mailer-daemon", re.IGNORECASE)


class NamedPerson(ForbiddenWords):
    """A mail about a failure is signed by somebody with a name who reads the answers.

    The frame signs with ``brand.toml``'s human; words must not undo that with "do not reply", "Dear valued
    customer" or a team's signature.
    """

    name = "named_person"
    why = "a person who can be answered is believed; a department is not"
    source = "Roschk & Kaiser 2013, Marketing Letters 24(3), on empathy"

    def page(self, page: Page) -> Iterable[Found]:
        """Look for the name at the end of the mail, and at the address that answers go to."""
        yield from super().page(page)
        yield from _signature(page)


def _signature(page: Page) -> Iterator[Found]:
    human = page.brand.sender.human
    if human not in page.mail.text:
        yield Found(page.where, f"{human} has not signed")
    if _NOBODY.search(page.brand.sender.reply_to):
        yield Found(page.where, f"answers go to {page.brand.sender.reply_to}, which nobody reads")


RULE = NamedPerson()
