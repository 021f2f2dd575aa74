"""Sells nothing in a mail about a failure."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoMarketing(ForbiddenWords):
    """No offers, no exclamation marks, no emoji: a mail about our mistake is not a shop window.

    Money that is given back or credited is no offer, as long as nothing must be bought for it.
    """

    name = "no_marketing"
    why = "this mail is about a failure and sells nothing"
    source = "16 CFR 316.3 (what a mail is mainly about) and Roschk & Kaiser 2013"


RULE = NoMarketing()
