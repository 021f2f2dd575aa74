"""Every failure a person can meet: what happened, where, why, and the way out.

The tree (subclasses live beside the code that raises them)::

    Problem
    ├── UsageProblem        the command line or a setting is wrong            exit code 2
    ├── InputProblem        a file, record or payload is wrong                exit code 1
    ├── PolicyProblem       a policy file is wrong                            exit code 1
    ├── TemplateProblem     a message folder or its words are wrong           exit code 1
    └── WorldProblem        disk, database, network or clock is broken        exit code 3
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):  # noqa: N818 - the house word is "problem"; "exception" is a customer's trouble
    """An error made for the person who reads it at three in the morning.

    ``code`` is kebab-case and stable: people paste it into a search box and into
    ``firstword explain CODE``. ``retriable`` says whether trying again may help.
    """

    exit_code: int = 3

    def __init__(
        self,
        code: str,
        what: str,
        *,
        where: str = "",
        why: str = "",
        hint: str = "",
        retriable: bool = False,
    ) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.where = where
        self.why = why
        self.hint = hint
        self.retriable = retriable

    def __str__(self) -> str:
        parts = [f"{self.what} [{self.code}]"]
        if self.where:
            parts.append(f"  where: {self.where}")
        if self.why:
            parts.append(f"  why:   {self.why}")
        if self.hint:
            parts.append(f"  hint:  {self.hint}")
        return "\n".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return the problem as plain data for ``--json`` output and dead letters."""
        return {**self.told(), "retriable": self.retriable}

    def told(self) -> dict[str, str]:
        """Return the problem in words, for a page or a process that shows it to a person."""
        return {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "hint": self.hint,
        }


class UsageProblem(Problem):
    """The command line or a setting is wrong."""

    exit_code = 2


class InputProblem(Problem):
    """A file, record or payload cannot be understood."""

    exit_code = 1


class PolicyProblem(Problem):
    """A policy file is wrong."""

    exit_code = 1


class TemplateProblem(Problem):
    """A message folder, its words or its frame are wrong."""

    exit_code = 1


class WorldProblem(Problem):
    """Disk, database, network or clock is broken."""

    exit_code = 3
