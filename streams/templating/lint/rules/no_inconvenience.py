"""Says what went wrong instead of "any inconvenience"."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoInconvenience(ForbiddenWords):
    """The phrase "any inconvenience" names nothing and reads as a form; say what was not kept."""

    name = "no_inconvenience"
    why = "name what went wrong instead"


RULE = NoInconvenience()
