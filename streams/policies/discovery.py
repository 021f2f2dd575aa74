"""Finds the detectors and remedies: every folder is one, and the folder's name is its name."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import TypeVar

from streams.core import detectors, remedies
from streams.core.detector import Detector
from streams.core.remedy import Remedy
from streams.problems import WorldProblem

_Plugin = TypeVar("_Plugin")


def discover_detectors(package: ModuleType = detectors) -> dict[str, type[Detector]]:
    """Return every detector of the house by kind, sorted, so that decisions come in one order everywhere.

    ``package`` is the folder of folders; somebody else's may be looked through the same way.

    Raises:
        WorldProblem: a folder has no ``detector.py`` with a ``DETECTOR``, or names it differently.
    """
    found: dict[str, type[Detector]] = {}
    for name in _folders(package):
        found[name] = _checked(_load(package, name, "detector"), "kind", name, Detector)
    return found


def discover_remedies(package: ModuleType = remedies) -> dict[str, type[Remedy]]:
    """Return every remedy of the house by name, sorted.

    ``package`` is the folder of folders, as above.

    Raises:
        WorldProblem: a folder has no ``remedy.py`` with a ``REMEDY``, or names it differently.
    """
    found: dict[str, type[Remedy]] = {}
    for name in _folders(package):
        found[name] = _checked(_load(package, name, "remedy"), "name", name, Remedy)
    return found


def _folders(package: ModuleType) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg)


def _load(package: ModuleType, name: str, module: str) -> object:
    try:
        plugin: object = getattr(import_module(f"{package.__name__}.{name}.{module}"), module.upper())
    except (ImportError, AttributeError) as error:
        raise _broken(name, module, f"{error}") from error
    return plugin


def _checked(plugin: object, label: str, name: str, base: type[_Plugin]) -> type[_Plugin]:
    word = base.__name__.lower()
    if not (isinstance(plugin, type) and issubclass(plugin, base)):
        raise _broken(name, word, f"{word.upper()} is not a subclass of {base.__name__}")
    if getattr(plugin, label, None) != name:
        raise _broken(name, word, f"its {label} is {getattr(plugin, label, None)!r}, its folder is {name!r}")
    return plugin


def _broken(name: str, word: str, why: str) -> WorldProblem:
    return WorldProblem(
        f"{word}-folder-broken",
        f"The {word} {name} cannot be loaded",
        where=f"{name}/{word}.py",
        why=why,
        hint=f"a {word} is a class with the folder's name, set as {word.upper()} in {word}.py",
    )
