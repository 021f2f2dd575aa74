"""A policy file as text: read, parsed, and every table and key with its line."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from streams.policies.lines import Path as Place
from streams.policies.lines import line_of, locate
from streams.problems import PolicyProblem

STANDARD = "standard.toml"
_AT_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A policy file as read: its tables, and where everything in it stands."""

    label: str
    tree: dict[str, Any]
    lines: dict[Place, int]

    def where(self, path: Place) -> str:
        """Return ``file:line`` of a path."""
        return f"{self.label}:{line_of(self.lines, path)}" if self.lines else self.label


def read_document(path: str | Path | None) -> Document:
    """Return a policy file with its lines; None is the standard policy.

    Raises:
        PolicyProblem: there is no such file, or it is not TOML.
    """
    if path is None:
        return standard_document()
    label = str(path)
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PolicyProblem(
            "policy-not-text", "The policy file is not UTF-8 text", where=label, why=f"{error}"
        ) from error
    except OSError as error:
        raise PolicyProblem(
            "policy-not-found",
            "The policy file cannot be read",
            where=label,
            why=error.strerror or f"{error}",
            hint="firstword policy show prints the standard policy; save it and change what you need",
        ) from error
    return parse_document(text, label)


def parse_document(text: str, label: str) -> Document:
    """Return a policy with its lines, from its text.

    Raises:
        PolicyProblem: the text is not TOML.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(f"{error}", text, label) from error
    return Document(label=label, tree=tree, lines=locate(text))


@lru_cache(maxsize=1)
def standard_document() -> Document:
    """Return the packaged standard policy, read once."""
    text = files("streams.policies").joinpath(STANDARD).read_text("utf-8")
    return parse_document(text, STANDARD)


def _not_toml(message: str, text: str, label: str) -> PolicyProblem:
    at = _AT_LINE.search(message)
    line = int(at[1]) if at else max(1, len(text.splitlines()))
    why = _AT_LINE.sub("", message).replace("(at end of document)", "at the end of the file").strip()
    if why.startswith(("Cannot overwrite", "Cannot declare", "Duplicate")):
        return PolicyProblem(
            "policy-duplicate",
            "The same key or table stands in the policy twice",
            where=f"{label}:{line}",
            why=why,
            hint="keep one of the two",
        )
    return PolicyProblem(
        "policy-syntax",
        "The policy file is not TOML",
        where=f"{label}:{line}",
        why=why,
        hint='text needs "quotes", lists [brackets], and every table one [header]',
    )
