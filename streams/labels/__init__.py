"""Who sells return labels: every folder here is a provider, and its name is the folder's name."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from streams.core.events import Address
from streams.pipeline.ports import LabelProvider
from streams.problems import WorldProblem
from streams.settings import Settings

SenderOf = Callable[[str], Address | None]


def unknown_sender(_order_id: str) -> Address | None:
    """Return None: nobody knows the customer's address."""
    return None


class ProviderFactory(Protocol):
    """What a folder's ``PROVIDER`` is: a class that is made with what the shop has set."""

    name: str
    refund_days: int | None

    def from_settings(self, settings: Settings, /, *, sender_of: SenderOf = ...) -> LabelProvider:
        """Make the provider; ``sender_of`` finds a customer's address by order id, where it is known.

        Raises:
            UsageProblem: a setting that it needs is missing.
        """
        ...


def discover() -> dict[str, ProviderFactory]:
    """Return every provider by name, sorted.

    Raises:
        WorldProblem: a folder has no ``provider.py`` with a ``PROVIDER``, or names it differently.
    """
    return {name: _load(name) for name in _folders()}


def refund_days(name: str) -> int | None:
    """Return for how many days the provider ``name`` takes an unused label back; None where it says none, or is unknown.

    Raises:
        WorldProblem: its folder is broken.
    """
    return _load(name).refund_days if name in _folders() else None


def _folders() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def _load(name: str) -> ProviderFactory:
    try:
        provider: ProviderFactory = import_module(f"{__name__}.{name}.provider").PROVIDER
        if provider.name == name:
            return provider
        why = f"PROVIDER calls itself {provider.name!r}."
    except (ImportError, AttributeError) as error:
        why = f"{error}."
    raise WorldProblem(
        "label-folder-broken",
        f"The label provider {name} cannot be loaded.",
        where=f"streams/labels/{name}/provider.py",
        why=why,
        hint="A provider is a class with the folder's name as `name`, set as PROVIDER in provider.py.",
    )
