"""Puts no pressure on anybody."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoPressure(ForbiddenWords):
    """No deadline with a threat, no guilt, no urgency: a thing that we sent by mistake comes back when it suits, or not.

    A day from which something is the customer's own ("after January 2 it is yours") is a gift, not a deadline.
    """

    name = "no_pressure"
    why = "they did not ask for our mistake, so it has no deadline"
    source = "39 USC 3009: what was not ordered may be kept"


RULE = NoPressure()
