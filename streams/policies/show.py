"""Prints the policy in force as a policy file, every value with the place that said so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from typing import Any

from streams.policies.durations import format_duration
from streams.policies.loader import LoadedPolicy, Setting
from streams.policies.readers import NOTHING_WORD
from streams.policies.shape import OTHERS, SECTIONS, SEVERITIES, Leaf

_COMMENT_AT = 64  # a column that most values leave free, so that the origins can be read down


def show(policy: LoadedPolicy) -> str:
    """Return the policy as TOML; loading it again gives the same version.

    The comment behind a value is its origin: ``standard``, ``file:line``, ``--set``, or ``built in`` for
    what only the code says.
    """
    lines = [f"# {policy.version}", f'name = "{policy.name}"']
    for table, keys in sorted(_tables(policy.settings).items(), key=lambda item: _rank(item[0])):
        lines += ["", f"[{'.'.join(table)}]"]
        lines += [_line(key, setting) for key, setting in keys]
    return "\n".join(lines) + "\n"


def _tables(settings: Mapping[Leaf, Setting]) -> dict[Leaf, list[tuple[str, Setting]]]:
    tables: dict[Leaf, list[tuple[str, Setting]]] = {}
    for leaf, setting in settings.items():
        if len(leaf) > 1:
            tables.setdefault(leaf[:-1], []).append((leaf[-1], setting))
    return tables


def _rank(table: Leaf) -> tuple[int, Leaf]:
    order = (*SECTIONS, "detect", "respond", "remedy")
    graded = tuple(str(SEVERITIES.index(part)) if part in SEVERITIES else part for part in table)
    return order.index(table[0]) * 2 + (len(table) > 1 and table[1] in OTHERS), graded


def _line(key: str, setting: Setting) -> str:
    return f"{key} = {_spell(setting.value)}".ljust(_COMMENT_AT) + f" # {setting.origin}"


def _spell(value: Any) -> str:
    if value is None:
        return f'"{NOTHING_WORD}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f'"{format_duration(value)}"'
    if isinstance(value, time):
        return f'"{value:%H:%M}"' if not (value.second or value.microsecond) else value.isoformat()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Iterable):
        return "[" + ", ".join(_spell(one) for one in value) + "]"
    return str(value)
