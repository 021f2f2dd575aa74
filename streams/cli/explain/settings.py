"""Pages about settings: the sentence, the variable and the default of each."""

from __future__ import annotations

from streams.cli.explain.page import Page
from streams.policies.loader import LoadedPolicy
from streams.settings import FIELDS, FILE_SUFFIX


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every setting."""
    found = {}
    for name, field in FIELDS.items():
        lines = [f"variable: {field.variable}"]
        if field.secret:
            lines.append(f"or a file that holds it: {field.variable}{FILE_SUFFIX}")
        lines.append(f"default:  {field.default or 'none'}")
        found[name] = Page(
            name=name,
            sentence=field.sentence,
            lines=tuple(lines),
            plain={
                "setting": name,
                "variable": field.variable,
                "default": field.default,
                "secret": field.secret,
            },
        )
    return found
