"""Reads policy files: the standard one, a shop's own over it, and ``--set`` over both."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from streams.assets import templates_dir
from streams.core.detector import Detector
from streams.core.events import Severity
from streams.core.policy import (
    Brake,
    Budgets,
    Customers,
    Forecasts,
    Notify,
    Policy,
    Quiet,
    Response,
    Returns,
    Reviews,
    Shop,
    Span,
)
from streams.core.remedy import Remedy
from streams.policies.calendars import calendars
from streams.policies.discovery import discover_detectors, discover_remedies
from streams.policies.document import Document, read_document, standard_document
from streams.policies.lines import Path as Place
from streams.policies.readers import Reader, currencies, spell
from streams.policies.refusal import Refusal, nearest
from streams.policies.shape import OTHERS, SEVERITIES, Leaf, Table, Words, built_in, shape
from streams.problems import PolicyProblem, WorldProblem


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One value in force, and who said so: ``standard``, ``shop.toml:12``, ``--set`` or ``built in``."""

    value: Any
    origin: str


class LoadedPolicy(Policy, frozen=True, kw_only=True):
    """A policy that remembers where each of its values comes from, and which templates it may name."""

    settings: dict[Leaf, Setting]
    templates: frozenset[str]


def load_policy(
    path: str | Path | None = None,
    overrides: Mapping[str, Any] = {},
    *,
    detectors: Mapping[str, type[Detector]] | None = None,
    remedies: Mapping[str, type[Remedy]] | None = None,
    templates: Collection[str] | None = None,
) -> LoadedPolicy:
    """Return the policy of a file, over the standard policy, with dotted ``overrides`` over both.

    What a file does not say comes from the standard policy (``None`` is the standard policy alone).
    Override values may be text as typed on a command line. ``detectors`` and ``remedies`` default to
    the folders of the house, ``templates`` to the words of the standard policy and the message folders.

    Raises:
        PolicyProblem: the file cannot be read, or says something that cannot be; with ``file:line``.
    """
    found = Words(
        detectors=discover_detectors() if detectors is None else detectors,
        remedies=discover_remedies() if remedies is None else remedies,
    )
    tree = shape(found)
    standard = standard_document()
    settings = {leaf: Setting(value=value, origin="built in") for leaf, value in built_in(found)}
    settings |= _layer(standard, tree, lambda _leaf: "standard")
    known = _templates(settings) if templates is None else templates
    tree = shape(msgspec.structs.replace(found, templates=known))
    if path is not None:
        document = read_document(path)
        settings[("name",)] = Setting(value=_stem(Path(path)), origin=document.label)
        settings |= _layer(document, tree, document.where)
    for dotted, value in overrides.items():
        settings |= _override(dotted, value, tree)
    _ranges(settings)
    return _build(found, settings, frozenset(known))


def _layer(document: Document, tree: Table, origin: Any) -> dict[Leaf, Setting]:
    content = {key: value for key, value in document.tree.items() if key != "test"}
    tests = document.tree.get("test", [])
    if not (isinstance(tests, list) and all(isinstance(one, dict) for one in tests)):
        raise PolicyProblem(
            "policy-wrong-type",
            "`test` is a list of tables",
            where=document.where(("test",)),
            hint="begin every test with [[test]]",
        )
    return {
        leaf: Setting(value=value, origin=origin(leaf)) for leaf, value in _read(tree, content, (), document)
    }


def _read(table: Table, content: Any, path: Leaf, document: Document) -> list[tuple[Leaf, Any]]:
    if not isinstance(content, dict):
        raise _problem(
            Refusal("policy-wrong-type", f"a table is needed, not {spell(content)}"), path, document
        )
    found: list[tuple[Leaf, Any]] = []
    for key, value in content.items():
        here = (*path, key)
        branch = _branch(table, key, here, document)
        if isinstance(branch, Table):
            found += _read(branch, value, here, document)
            continue
        try:
            found.append((here, branch(value)))
        except Refusal as refusal:
            raise _problem(refusal, here, document) from refusal
    return found


def _branch(table: Table, key: str, here: Leaf, document: Document) -> Table | Reader:
    if table.read is not None:
        if key in currencies():
            return table.read
        valid: Collection[str] = currencies()
    else:
        branch = table.keys.get(key)
        if branch is not None:
            return branch
        valid = table.keys if len(here) > 1 else {*table.keys, "test"}
    refusal = Refusal("policy-unknown-word", f"there is no {table.word} `{key}`", nearest(key, valid))
    raise _problem(refusal, here, document)


def _ranges(settings: Mapping[Leaf, Setting]) -> None:
    """Refuse a forecast that ends before it begins, even when each end stands in another file."""
    for leaf, by in settings.items():
        start = settings.get((*leaf[:-1], "from"))
        if leaf[0] != "forecast" or leaf[-1] != "by" or start is None or start.value <= by.value:
            continue
        raise PolicyProblem(
            "policy-impossible",
            f"`{'.'.join(leaf[:-1])}` ends before it begins",
            where=" and ".join(sorted({start.origin, by.origin} - {"standard"})),
            why=f"from {start.value} business days by {by.value}",
            hint="set both ends; `from` is the earlier one",
        )


def _problem(refusal: Refusal, path: Leaf, document: Document) -> PolicyProblem:
    place: Place = path if refusal.item is None else (*path, refusal.item)
    return PolicyProblem(
        refusal.code,
        f"`{'.'.join(path)}` cannot stand in a policy",
        where=document.where(place),
        why=refusal.why,
        hint=refusal.hint or f"firstword policy show prints what `{path[0]}` says now",
    )


def _override(dotted: str, value: Any, tree: Table) -> dict[Leaf, Setting]:
    path = tuple(dotted.split("."))
    document = Document(label=f"--set {dotted}", tree={}, lines={})
    branch: Table | Reader = tree
    for depth, key in enumerate(path, start=1):
        if not isinstance(branch, Table):
            why = f"`{'.'.join(path[: depth - 1])}` is a value, and has nothing inside"
            raise _problem(Refusal("policy-unknown-word", why), path, document)
        branch = _branch(branch, key, path[:depth], document)
    if isinstance(branch, Table):
        found = _read(branch, value, path, document)
    else:
        try:
            found = [(path, branch(value))]
        except Refusal as refusal:
            typed = _as_toml(value)
            if typed is value:
                raise _problem(refusal, path, document) from refusal
            try:
                found = [(path, branch(typed))]
            except Refusal as again:
                raise _problem(again, path, document) from again
    return {leaf: Setting(value=one, origin="--set") for leaf, one in found}


def _as_toml(value: Any) -> Any:
    """Read ``4``, ``true`` or ``["apology"]`` as typed on a command line; other text stays text."""
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _stem(path: Path) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in path.stem)
    return kept or "policy"


def _templates(settings: Mapping[Leaf, Setting]) -> frozenset[str]:
    named = {
        setting.value for leaf, setting in settings.items() if leaf[0] == "respond" and leaf[-1] == "message"
    }
    try:
        folders = {folder.parent.name for folder in templates_dir().glob("*/message.toml")}
    except WorldProblem:
        folders = set()  # an installation without words can still judge; rendering will complain
    return frozenset((named | folders) - {None})


def _build(found: Words, settings: dict[Leaf, Setting], templates: frozenset[str]) -> LoadedPolicy:
    values = _nest(settings)
    respond = values.get("respond", {})
    detectors = tuple(
        _struct(cls, values.get("detect", {}).get(kind, {})) for kind, cls in found.detectors.items()
    )
    remedies = {
        name: _struct(cls, values.get("remedy", {}).get(name, {})) for name, cls in found.remedies.items()
    }
    responses = {kind: _graded(respond.get(kind, {})) for kind in found.detectors}
    policy = LoadedPolicy(
        name=values.get("name", "standard"),
        version="",
        shop=_struct(Shop, values["shop"]),
        quiet=_struct(Quiet, values["quiet"]),
        notify=_struct(Notify, values["notify"]),
        returns=_struct(Returns, values["returns"]),
        forecast=_struct(Forecasts, values["forecast"]),
        budgets=_struct(Budgets, values["budgets"]),
        customers=_struct(Customers, values["customers"]),
        brake=_struct(Brake, values["brake"]),
        reviews=_struct(Reviews, values["reviews"]),
        detectors=detectors,
        remedies=remedies,
        responses=responses,  # type: ignore[arg-type]  # the keys are the kinds of the detectors
        **{name: _struct(Response, respond.get(name, {})) for name in OTHERS},
        calendars=calendars(),
        settings=settings,
        templates=templates,
    )
    return msgspec.structs.replace(policy, version=f"{policy.name}@{_digest(policy)}")


def _nest(settings: Mapping[Leaf, Setting]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for leaf, setting in settings.items():
        table = tree
        for key in leaf[:-1]:
            table = table.setdefault(key, {})
        table[leaf[-1]] = setting.value
    return tree


def _graded(values: Mapping[str, Any]) -> dict[Severity, Response]:
    every = {key: value for key, value in values.items() if key not in SEVERITIES}
    return {severity: _struct(Response, {**every, **values.get(severity, {})}) for severity in SEVERITIES}


def _struct(cls: type[msgspec.Struct], values: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    chosen = {}
    for field in msgspec.structs.fields(cls):
        if field.encode_name in values:
            value = values[field.encode_name]
            nested = hints[field.name] is Span
            chosen[field.name] = _struct(Span, value) if nested else value
    return cls(**chosen)


def _digest(policy: LoadedPolicy) -> str:
    """Return 48 bits of what the policy says: the same words have the same version, in whatever file."""
    content = {
        "shop": policy.shop,
        "quiet": policy.quiet,
        "notify": policy.notify,
        "returns": policy.returns,
        "forecast": policy.forecast,
        "budgets": policy.budgets,
        "customers": policy.customers,
        "brake": policy.brake,
        "reviews": policy.reviews,
        "detect": {detector.kind: detector for detector in policy.detectors},
        "remedy": policy.remedies,
        "respond": policy.responses,
        **{name: getattr(policy, name) for name in OTHERS},
    }
    return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:12]
