"""Does not make the failure small."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoMinimizers(ForbiddenWords):
    """To say "just a slight delay" tells the customer how they ought to feel about it.

    Words like "only" and "simply" count in a sentence that also names a failure; elsewhere they are fine.
    """

    name = "no_minimizers"
    severity = "warning"
    why = "how bad it is, the customer decides"
    source = "Roschk & Kaiser 2013, Marketing Letters 24(3)"


RULE = NoMinimizers()
