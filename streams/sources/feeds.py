"""Reads what a person writes behind ``--source``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streams.pipeline.plugins import choose
from streams.pipeline.ports import Source
from streams.problems import UsageProblem


def parse_feed(text: str, sources: Mapping[str, Source]) -> tuple[Source, str]:
    """Read ``NAME=PATH``; a path alone is read as ``native``.

    Raises:
        UsageProblem: the source is not known, or the path is missing.
    """
    name, separator, location = text.partition("=")
    if not separator:
        name, location = "native", text
    source = choose(sources, name, "source")
    if location != "-" and not Path(location).exists():
        raise UsageProblem(
            "source-not-found",
            f"{location} does not exist",
            where=f"--source {text}",
            hint="name a file, a folder, or - for standard input",
        )
    return source, location
