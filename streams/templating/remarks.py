"""Findings as they stand beside a draft: at their line, with the very words that they mean."""

from __future__ import annotations

import re
from typing import Final

from streams.problems import TemplateProblem
from streams.templating.dialogue import Remark
from streams.templating.lint import Finding, cannot_render

_EXPLAINED: Final = "firstword explain "
_LINE: Final = re.compile(r":(\d+)(?:\D.*)?$")


def remark_of(finding: Finding, lines: list[str]) -> Remark:
    """Return a finding as it stands beside these lines of a draft."""
    line = _line_of(finding.where)
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    return Remark(
        line=line,
        match=_as_written(finding.match, shown),
        # Words that cannot be compiled are told under the compiler's own code, which says more.
        rule=finding.source.removeprefix(_EXPLAINED) if finding.rule == "cannot_render" else finding.rule,
        severity=finding.severity,
        says=finding.says,
        why=finding.why,
        source=finding.source,
        better=finding.better,
        where=finding.where,
    )


def _as_written(match: str, line: str) -> str:
    """Return the words that a finding means as they stand in the line: with its own quotes, blanks and capitals."""
    words = [
        re.escape(word).replace("'", "['\u2019]").replace('"', '["\u201c\u201d]') for word in match.split()
    ]
    found = re.search(r"\s+".join(words), line, re.IGNORECASE) if words else None
    return found[0] if found is not None else ""


def _line_of(where: str) -> int:
    found = _LINE.search(where)
    return int(found[1]) if found is not None else 0


def refused(problem: TemplateProblem) -> Remark:
    """Return a problem as a finding: what cannot be compiled is the first thing to change."""
    return remark_of(cannot_render(problem), [])
