"""Says what went wrong instead of "any inconvenience"."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoInconvenience(ForbiddenWords):
    """The phrase "any inconvenience" names nothing and reads as a form; say what was not kept."""

    patterns = {
        "en": (r"\b(?:any|the|this|your) inconvenience\b", r"\binconvenienced?\b"),
        "pt": (r"\b(?:eventua(?:l|is)|qualquer|quaisquer|pel[oa]s?) (?:inconvenientes?|inconveniências?)\b",),
    }
    because = "name what went wrong instead"


RULE = NoInconvenience()
