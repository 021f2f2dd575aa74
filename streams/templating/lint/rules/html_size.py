"""Keeps the mail small enough to be shown whole."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.finding import Found, Page, Quiet

CLIPPED_AT = 102 * 1024  # bytes; Gmail hides the rest behind a link (spamresource.com 2022)


class HtmlSize(Quiet):
    """Gmail clips a mail at 102 KB, and the signature and the label's date are at its end."""

    why = "what Gmail cuts off is the signature, and the date until which nothing is owed"
    source = "spamresource.com 2022, on Gmail's limit of 102 KB"

    def page(self, page: Page) -> Iterable[Found]:
        """Weigh one rendered sample."""
        size = len(page.mail.html.encode())
        if size > CLIPPED_AT:
            yield Found(page.where, f"the HTML has {size} bytes; Gmail cuts at {CLIPPED_AT}")


RULE = HtmlSize()
