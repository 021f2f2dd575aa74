"""Sells nothing in a mail about a failure."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoMarketing(ForbiddenWords):
    """No offers, no exclamation marks: a mail about our mistake is not a shop window (16 CFR 316.3 on subjects)."""

    name = "no_marketing"
    why = "say it plainly; this mail sells nothing"


RULE = NoMarketing()
