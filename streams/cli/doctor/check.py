"""One line of the doctor's report."""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.problems import Problem


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and how it is; ``act`` means that somebody must do something, ``look`` that one may."""

    what: str
    state: Literal["ok", "look", "act"]
    says: str
    do: str = ""


def fine(what: str, says: str) -> Check:
    """Return a line that needs nothing."""
    return Check(what=what, state="ok", says=says)


def broken(what: str, problem: Problem) -> Check:
    """Return the line of something that raised a problem."""
    says = f"{problem.what} [{problem.code}]"
    details = ", ".join(text for text in (problem.where, problem.why) if text)
    return Check(
        what=what,
        state="act",
        says=f"{says}: {details}" if details else says,
        do=problem.hint or f"firstword explain {problem.code}",
    )
