"""Promises dates and deeds, never that it will not happen again."""

from __future__ import annotations

from streams.templating.lint.finding import ForbiddenWords


class NoEmptyPromise(ForbiddenWords):
    """An apology that promises to do better does worse than none (Halperin et al. 2022, 1.5 m riders).

    "Soon" and its family are promises without a day; name a range, or say that there is none yet.
    """

    patterns = {
        "en": (
            r"\b(?:never|not|won't) happen again\b",
            r"\bdo better\b",
            r"\b(?:very |as )?(?:soon|shortly|asap|promptly|as soon as possible)\b",
        ),
        "pt": (
            r"\bnão (?:vai|irá|voltará a) (?:se repetir|acontecer)\b",
            r"\b(?:em breve|logo mais|o quanto antes|o mais rápido possível|assim que possível)\b",
        ),
    }
    because = "name a day or a deed instead"


RULE = NoEmptyPromise()
