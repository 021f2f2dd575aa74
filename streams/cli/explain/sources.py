"""Pages about the ways in: what each source reads, refuses and cannot know."""

from __future__ import annotations

from importlib import import_module

from streams.cli.explain.page import Page, first_sentence, rest
from streams.policies.loader import LoadedPolicy
from streams.sources import discover


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every source: the docstring of its adapter."""
    found = {}
    for name in discover():
        text = import_module(f"streams.sources.{name}.adapter").__doc__
        lines = (*rest(text), "", f"read it with: --source {name}=PATH")
        found[name] = Page(
            name=name,
            sentence=first_sentence(text),
            lines=lines,
            plain={"source": name, "text": "\n".join(rest(text))},
        )
    return found
