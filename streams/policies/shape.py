"""What a policy file may say: the tree of its tables and keys, made from the structs that hold the values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from streams.core.detector import Detector
from streams.core.events import Severity
from streams.core.policy import (
    Brake,
    Budgets,
    Customers,
    Forecasts,
    Notify,
    Quiet,
    Response,
    Returns,
    Reviews,
    Shop,
)
from streams.core.remedy import Remedy
from streams.policies import readers
from streams.policies.readers import Reader
from streams.policies.refusal import Refusal

SEVERITIES: tuple[Severity, ...] = get_args(Severity)
OTHERS = (  # responses that belong to no kind
    "second_failure",
    "follow_up",
    "replacement_update",
    "out_of_stock",
    "label_follows",
    "found",
)
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "shop": Shop,
    "quiet": Quiet,
    "notify": Notify,
    "returns": Returns,
    "forecast": Forecasts,
    "budgets": Budgets,
    "customers": Customers,
    "brake": Brake,
    "reviews": Reviews,
}
Leaf = tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table: its known keys, or ``read`` for a table whose keys are currencies.

    ``word`` is what its keys are called when one of them is unknown.
    """

    word: str
    keys: dict[str, Table | Reader] = {}
    read: Reader | None = None


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The names that files may use: detectors, remedies, and templates (None: any)."""

    detectors: Mapping[str, type[Detector]]
    remedies: Mapping[str, type[Remedy]]
    templates: Collection[str] | None = None


def shape(words: Words) -> Table:
    """Return the whole tree; the tests of a file are not in it."""
    kinds = tuple(words.detectors)
    special: dict[tuple[str, str], Reader] = {
        ("shop", "country"): readers.country,
        ("shop", "time_zone"): readers.time_zone,
        ("shop", "currency"): readers.currency,
        ("shop", "locale"): readers.locale,
        ("notify", "priority"): partial(_priority, kinds=kinds),
        ("reviews", "overdue"): partial(
            readers.one_of, valid=("words_only", "approve", "refuse"), word="word"
        ),
    }
    keys: dict[str, Table | Reader] = {"name": _name}
    for section, cls in SECTIONS.items():
        mine = {key: read for (where, key), read in special.items() if where == section}
        keys[section] = _struct(cls, mine)
    keys["detect"] = Table(
        word="kind", keys={kind: _struct(cls, {}) for kind, cls in words.detectors.items()}
    )
    keys["remedy"] = Table(
        word="remedy", keys={name: _struct(cls, {}) for name, cls in words.remedies.items()}
    )
    keys["respond"] = _responses(words)
    return Table(word="section", keys=keys)


def built_in(words: Words) -> Iterator[tuple[Leaf, Any]]:
    """Yield what the structs themselves say, for keys that no file names."""
    for section, cls in SECTIONS.items():
        yield from _defaults(cls, (section,))
    for kind, detector in words.detectors.items():
        yield from _defaults(detector, ("detect", kind))
    for name, remedy in words.remedies.items():
        yield from _defaults(remedy, ("remedy", name))


def _defaults(cls: type[msgspec.Struct], path: Leaf) -> Iterator[tuple[Leaf, Any]]:
    for field in msgspec.structs.fields(cls):
        if not field.required:
            default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
            yield from spread((*path, field.encode_name), default)


def spread(path: Leaf, value: Any) -> Iterator[tuple[Leaf, Any]]:
    """Yield the single values of a nested one, with their paths."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            yield from spread((*path, field.encode_name), getattr(value, field.name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from spread((*path, key), one)
    else:
        yield path, value


def _responses(words: Words) -> Table:
    mine: dict[str, Reader] = {
        "remedies": partial(readers.several_of, valid=tuple(words.remedies), word="remedy"),
        "message": partial(_template, known=words.templates),
    }
    plain = _struct(Response, mine)
    graded = Table(word="key or severity", keys={**plain.keys, **dict.fromkeys(SEVERITIES, plain)})
    keys: dict[str, Table | Reader] = dict.fromkeys(words.detectors, graded)
    return Table(word="kind", keys={**keys, **dict.fromkeys(OTHERS, plain)})


def _struct(cls: type[msgspec.Struct], special: Mapping[str, Reader]) -> Table:
    hints = get_type_hints(cls)
    keys: dict[str, Table | Reader] = {}
    for field in msgspec.structs.fields(cls):
        hint = hints[field.name]
        keys[field.encode_name] = special.get(field.encode_name) or _branch(hint, field.encode_name)
    return Table(word="key", keys=keys)


def _branch(hint: Any, key: str) -> Table | Reader:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct(hint, {})
    if get_origin(hint) is dict:
        return Table(word="currency", read=readers.whole_number)
    if hint is int:
        return _number(key)
    read = readers.reader_for(hint)
    assert read is not None, f"nothing reads {key}: {hint}"
    return read


def _number(key: str) -> Callable[[Any], int]:
    if key.endswith("percent"):
        return readers.percent
    if key.endswith("days") or key in {"from", "by", "estimate_margin"}:
        return readers.workdays
    return readers.whole_number


def _priority(value: Any, kinds: tuple[str, ...]) -> tuple[str, ...]:
    known = (*kinds, *(kind for kind in Notify().priority if kind not in kinds))
    words = readers.several_of(value, known, "kind")
    if not words:
        raise Refusal("policy-empty", "an empty priority would leave the order of the news to chance")
    return (*words, *(kind for kind in Notify().priority if kind not in words))


def _template(value: Any, known: Collection[str] | None) -> str | None:
    if value is None or value == readers.NOTHING_WORD:
        return None
    if known is None:
        return readers.one_of(value, (value,) if isinstance(value, str) else (), "template")
    return readers.one_of(value, (*known, readers.NOTHING_WORD), "template")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.replace("-", "").replace("_", "").isalnum():
        raise Refusal(
            "policy-wrong-type", f"{readers.spell(value)} is not a name", "letters, digits, - and _"
        )
    return value
