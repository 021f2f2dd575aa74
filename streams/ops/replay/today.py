"""The policy in force today, loaded without anything that could send, buy or ship."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from streams.assets import templates_dir
from streams.core.policy import Policy
from streams.policies.loader import LoadedPolicy, load_policy
from streams.settings import Settings
from streams.templating.catalogue import load_catalogue

_ANY_DAY = date(2026, 1, 1)  # the first question to a calendar loads its library


def todays_policy(settings: Settings, overrides: Mapping[str, Any] = {}) -> tuple[Policy, frozenset[str]]:
    """Return the policy of the settings, ``overrides`` over it, and the templates that never apologize.

    Calendars are loaded before anybody forks, once.

    Raises:
        streams.problems.Problem: the policy, or a template that it names, is wrong.
    """
    messages = load_catalogue(templates_dir(), settings.templates).messages
    policy = load_policy(settings.policy, overrides, templates=messages)
    home = policy.shop.country
    policy.calendars.is_workday(_ANY_DAY, (home, home))
    return policy, frozenset(name for name, message in messages.items() if not message.card.regret)


def own_words(policy: Policy) -> dict[str, str]:
    """Return what a policy says that the standard one does not: each value by its path, with the place that says so."""
    if not isinstance(policy, LoadedPolicy):
        return {}
    return {
        ".".join(leaf): f"{setting.value} ({setting.origin})"
        for leaf, setting in policy.settings.items()
        if setting.origin not in {"standard", "built in"} and leaf != ("name",)
    }
