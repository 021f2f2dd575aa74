"""Who ships a replacement: every folder here is a desk, and its name is the folder's name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module

from streams.pipeline.ports import Desk
from streams.problems import WorldProblem


def discover() -> dict[str, Callable[[], Desk]]:
    """Return the class of every desk by name, sorted.

    Raises:
        WorldProblem: a folder has no ``desk.py`` with a ``DESK``, or names it differently.
    """
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: _load(name) for name in folders}


def _load(name: str) -> Callable[[], Desk]:
    try:
        desk: type[Desk] = import_module(f"{__name__}.{name}.desk").DESK
        if desk.name == name:
            return desk
        why = f"DESK calls itself {desk.name!r}."
    except (ImportError, AttributeError) as error:
        why = f"{error}."
    raise WorldProblem(
        "desk-folder-broken",
        f"The desk {name} cannot be loaded.",
        where=f"streams/desks/{name}/desk.py",
        why=why,
        hint="A desk is a class with the folder's name as `name`, set as DESK in desk.py.",
    )
