"""Promises dates and deeds, never that it will not happen again."""

from __future__ import annotations

from streams.templating.lint.tone import ForbiddenWords


class NoEmptyPromise(ForbiddenWords):
    """An apology that promises to do better does worse than none, when it happens again (1.5 million riders).

    Promise what has been done or what is dated. Words without a day, like "soon", are looked at by
    honest_dates.
    """

    name = "no_empty_promise"
    why = "a promise to do better costs more than it gains; name a deed instead"
    source = "Halperin, Ho, List & Muir 2022, The Economic Journal 132(641)"


RULE = NoEmptyPromise()
