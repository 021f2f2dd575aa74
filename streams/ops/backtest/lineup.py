"""Who stands side by side: policies by file, and variants of the first of them by ``--set``."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams.policies.loader import LoadedPolicy, load_policy
from streams.policies.show import show
from streams.problems import UsageProblem

_ABSENT = "nothing"


class Entrant(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in the line, under a name that no other has."""

    name: str
    policy: LoadedPolicy


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """One value that a policy says differently from the first one, both as a policy file spells them."""

    path: str
    first: str
    here: str


def line_up(files: Sequence[Path], sets: Sequence[str], in_force: Path | None) -> list[Entrant]:
    """Return the policies to compare, the one that all others are compared with first.

    ``sets`` are ``path=value``, which together make one variant, or ``NAME=path=value`` for several; variants
    vary the first file, or the policy ``in_force`` where no file is given. What would stand alone stands
    beside the policy in force.

    Raises:
        PolicyProblem: a file or a value cannot be.
        UsageProblem: ``set-unclear``, ``policies-alike``.
    """
    variants = read_variants(sets)
    first = files[0] if files else in_force
    paths = list(files) if files and (len(files) > 1 or variants) else [in_force, *files]
    line = [_entrant(load_policy(path), path) for path in paths]
    for name, overrides in variants.items():
        policy = load_policy(first, overrides)
        line.append(Entrant(name=name or _named_after(overrides), policy=policy))
    _refuse_alike(line)
    return _distinct(line)


def read_variants(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the overrides of each variant by its name; the one that nobody named has an empty name.

    A path has a dot before its ``=`` and a name has none: that tells ``quiet.start=22:00`` from
    ``night=quiet.start=22:00``.

    Raises:
        UsageProblem: ``set-unclear``: there is no path, or nothing is set.
    """
    variants: dict[str, dict[str, str]] = {}
    for text in texts:
        name, rest = "", text
        head, equals, behind = text.partition("=")
        if equals and "." not in head:
            name, rest = head.strip(), behind
        path, equals, value = rest.partition("=")
        if not equals or "." not in path or (not name and rest is not text):
            raise UsageProblem(
                "set-unclear",
                f"--set {text} sets nothing",
                where=f"--set {text}",
                hint="write it as in --set notify.window=12h, or --set calm=notify.window=12h for one of several",
            )
        variants.setdefault(name, {})[path.strip()] = value.strip()
    return variants


def differences(first: LoadedPolicy, other: LoadedPolicy) -> list[Differs]:
    """Return every value that the two say differently."""
    one, two = _flat(tomllib.loads(show(first))), _flat(tomllib.loads(show(other)))
    return [
        Differs(path=path, first=one.get(path, _ABSENT), here=two.get(path, _ABSENT))
        for path in sorted(one.keys() | two.keys())
        if one.get(path) != two.get(path)
    ]


def _flat(tree: dict[str, Any], above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{above}{key}.")
        elif above:  # the name of the file says nothing
            found[above + key] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _entrant(policy: LoadedPolicy, path: Path | None) -> Entrant:
    return Entrant(name=policy.name if path is None else path.stem, policy=policy)


def _named_after(overrides: dict[str, str]) -> str:
    """Name a variant after what it sets, as far as that is short."""
    said = ", ".join(f"{path.rpartition('.')[2]}={value}" for path, value in overrides.items())
    return said if len(said) <= 40 else f"{len(overrides)} settings changed"


def _refuse_alike(line: Sequence[Entrant]) -> None:
    for number, one in enumerate(line):
        for other in line[number + 1 :]:
            if one.policy.version.rpartition("@")[2] == other.policy.version.rpartition("@")[2]:
                raise UsageProblem(
                    "policies-alike",
                    f"{one.name} and {other.name} say the same",
                    where=other.policy.version,
                    why="every value is equal, so every figure would be",
                    hint="name two policies that differ: --policy new.toml, or --set notify.window=12h",
                )


def _distinct(line: Sequence[Entrant]) -> list[Entrant]:
    """Tell policies of one name apart by what they say."""
    names = [one.name for one in line]
    return [
        one
        if names.count(one.name) == 1
        else msgspec.structs.replace(one, name=f"{one.name}@{one.policy.version.rpartition('@')[2][:6]}")
        for one in line
    ]
