"""Finds a plug-in by the name that somebody set or typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from streams.problems import UsageProblem

_T = TypeVar("_T")


def choose(found: Mapping[str, _T], name: str, what: str) -> _T:
    """Return the plug-in of that name.

    Raises:
        UsageProblem: there is none; the known ones are named.
    """
    if name in found:
        return found[name]
    raise UsageProblem(
        "plugin-unknown",
        f"there is no {what} called {name!r}",
        hint=f"known: {', '.join(sorted(found))}",
    )
