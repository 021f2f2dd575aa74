"""Why a word or a value cannot stand, before anybody knows on which line it stands."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class Refusal(ValueError):  # noqa: N818 - it becomes a Problem as soon as its place is known
    """A value that cannot stand; ``code`` is the problem's code, ``hint`` the way out, ``item`` its place in a list."""

    def __init__(self, code: str, why: str, hint: str = "", item: int | None = None) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
        self.hint = hint
        self.item = item


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return a hint that names the nearest valid word, or all of them when none is near."""
    known = sorted(valid)
    same = [one for one in known if one.lower() == word.lower()]
    close = same or get_close_matches(word, known, n=3, cutoff=0.6)
    if close:
        # of several that are equally near, people mean the one that begins as they began
        best = max(close, key=lambda one: _alike(one, word))
        return f"did you mean `{best}`?"
    return "one of: " + ", ".join(known) if len(known) <= 40 else ""


def _alike(one: str, other: str) -> int:
    """Return how many letters two words begin with in common."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
