"""Pages about problem codes: what each means, and what to do."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from streams.cli.explain.page import Page
from streams.policies.loader import LoadedPolicy


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every code."""
    tables = tomllib.loads(files("streams.cli.explain").joinpath("codes.toml").read_text("utf-8"))
    return {
        code: Page(
            name=code,
            sentence=means,
            group=area,
            lines=(f"what to do: {remedy}",),
            plain={"code": code, "about": area, "means": means, "do": remedy},
        )
        for area, codes in tables.items()
        for code, (means, remedy) in codes.items()
    }
