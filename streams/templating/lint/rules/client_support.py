"""Nothing that widely used mail programs do not show."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache

from streams.templating.lint import features
from streams.templating.lint.anatomy import anatomy_of
from streams.templating.lint.finding import Found, Page, Quiet

DEGRADES = features.LIST.with_name("degrades.toml")


class ClientSupport(Quiet):
    """What a mail uses of HTML and CSS, less what every mail of our engine uses, looked up at caniemail.com.

    Words bring nothing new; the frame and the parts can. What is missing somewhere and may be, because the
    mail reads as well without, is listed with its reason in ``lint/lists/degrades.toml``.
    """

    severity = "warning"
    why = "what a mail program does not know, it leaves out or shows as something else"
    source = "caniemail.com, data of May 2026"

    def page(self, page: Page) -> Iterable[Found]:
        """Look up what one rendered sample uses."""
        for slug, shown in features.used(anatomy_of(page.mail.html)).items():
            clients = features.unsupported()[slug]
            if clients and slug not in features.baseline() and slug not in accepted():
                some = ", ".join(clients[:4]) + (" and others" if len(clients) > 4 else "")
                yield Found(page.where, f"{shown} is not shown by {some}", "do without it in frame and parts")


@cache
def accepted() -> Mapping[str, str]:
    """Return the features that may be missing, each with what its readers see instead."""
    return tomllib.loads(DEGRADES.read_text("utf-8"))


RULE = ClientSupport()
