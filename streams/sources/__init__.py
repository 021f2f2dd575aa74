"""Ways in: each folder below this one turns one kind of record into facts, explains and tests itself."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from streams.pipeline.ports import Source


def discover() -> dict[str, Source]:
    """Return the sources of this folder by name; the folder's name is the source's name."""
    found: dict[str, Source] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            adapter = importlib.import_module(f"{__name__}.{module.name}.adapter")
            found[module.name] = cast("Source", adapter.SOURCE)
    return found
