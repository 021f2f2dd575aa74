"""Writes as one person to another."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoOfficialese(ForbiddenWords):
    """Phrases like "please be advised that" are how an office speaks, not somebody who is sorry."""

    name = "no_officialese"
    severity = "warning"
    why = "plain words are read faster and believed more"
    source = "GOV.UK content design guidance, plain English"


RULE = NoOfficialese()
