"""Promises dates and deeds, never that it will not happen again."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoEmptyPromise(ForbiddenWords):
    """An apology that promises to do better does worse than none (Halperin et al. 2022, 1.5 m riders).

    "Soon" and its family are promises without a day; name a range, or say that there is none yet.
    """

    name = "no_empty_promise"
    why = "name a day or a deed instead"


RULE = NoEmptyPromise()
