"""Says what went wrong instead of "any inconvenience"."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoInconvenience(ForbiddenWords):
    """The phrase "any inconvenience" names nothing and reads as a form; say what was not kept."""

    name = "no_inconvenience"
    why = "it names nothing; the customer knows exactly what went wrong, and wants to know that we do"
    source = "Roschk & Kaiser 2013, Marketing Letters 24(3)"


RULE = NoInconvenience()
