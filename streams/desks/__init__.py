"""Who ships a replacement: every folder here is a desk, and its name is the folder's name."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Protocol

from streams.pipeline.ports import Desk
from streams.problems import WorldProblem
from streams.settings import Settings


class DeskFactory(Protocol):
    """What a folder's ``DESK`` is: a class that is made with what the shop has set."""

    name: str

    def from_settings(self, settings: Settings, /) -> Desk:
        """Make the desk.

        Raises:
            UsageProblem: a setting that it needs is missing.
        """
        ...


def discover() -> dict[str, DeskFactory]:
    """Return the class of every desk by name, sorted.

    Raises:
        WorldProblem: a folder has no ``desk.py`` with a ``DESK``, or names it differently.
    """
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return {name: _load(name) for name in folders}


def _load(name: str) -> DeskFactory:
    try:
        desk: DeskFactory = import_module(f"{__name__}.{name}.desk").DESK
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
