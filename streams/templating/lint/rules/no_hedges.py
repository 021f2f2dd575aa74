"""Says what we do, not what we may try to do."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoHedges(ForbiddenWords):
    """Words like "we hope to", "we will try to" and "should arrive" take back half of what they say.

    Doubt about the world is honest ("your order may be late"); doubt about our own deeds is not. What is
    not known yet is better said outright.
    """

    name = "no_hedges"
    severity = "warning"
    why = "a promise with a way out is no promise"
    source = "GOV.UK content design guidance, plain English"


RULE = NoHedges()
