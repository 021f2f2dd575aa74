"""Finds the sample customer that a command names."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.templating.catalogue import Message


def sample_of(message: Message, name: str) -> Path:
    """Return a sample of a message.

    Raises:
        UsageProblem: ``sample-unknown``.
    """
    samples = {path.stem: path for path in message.samples()}
    if name in samples:
        return samples[name]
    near = difflib.get_close_matches(name, samples, n=1, cutoff=0) or ["none"]
    raise UsageProblem(
        "sample-unknown",
        f"{message.name} has no sample called {name}",
        where=f"{message.folder.name}/samples",
        why=f"there are: {', '.join(samples) or 'none'}",
        hint=f"--sample {near[0]}",
    )
