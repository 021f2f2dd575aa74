"""Does not thank for what nobody gave."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoPresumedThanks(ForbiddenWords):
    """The phrase "thank you for your patience" thanks people for what they were not asked for and may not have."""

    name = "no_presumed_thanks"
    severity = "warning"
    why = "they may be anything but patient, and have every right to be"
    source = "Roschk & Kaiser 2013, Marketing Letters 24(3)"


RULE = NoPresumedThanks()
