"""Says where two stories of an order part: both sides, who decides such things, and which fields differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from streams.core import events as facts
from streams.core.events import AnyFact, MessageOutcome
from streams.ops.replay.line import Line
from streams.ops.telling import say

How = Literal["changed", "moved", "replaced", "gone", "new"]
"""``changed``: the same decision says something else. ``moved``: it stands behind another one. ``replaced``: another
one stands in its place. ``gone``: it is made no more. ``new``: it was not made then."""

PRIVATE = "(private)"  # what stands for a customer's name and address
_PRIVATE = frozenset({"letter.to", "letter.customer_name"})
_HUMAN = 240  # characters of a value; a letter's lines can be long


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a difference, for people; ``by`` is the rule that decides such things."""

    id: str
    type: str
    at: datetime
    by: str
    says: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A field that differs, by its dotted path; None where a side does not have it."""

    field: str
    then: Any = None
    today: Any = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where an order's two stories part for the first time; ``position`` is the block in the journal.

    ``instead`` is how the side goes on that does not have what the other one says. The counts are those of the whole
    order, within the stretch.
    """

    order_id: str
    how: How
    at: datetime
    position: int
    then: Said | None = None
    today: Said | None = None
    instead: Said | None = None
    changes: tuple[Change, ...] = ()
    because: tuple[str, ...] = ()
    changed: int = 0
    only_then: int = 0
    only_today: int = 0


def explain(story: str, how: How, head: Line, then: Line | None, today: Line | None) -> Difference:
    """Return the difference of an order whose stories part at ``head``, into ``then`` and ``today``."""
    instead: Line | None = None
    if how == "gone":
        today, instead = None, today
    elif how == "new":
        then, instead = None, then
    return Difference(
        order_id=story,
        how=how,
        at=head.now,
        position=head.position,
        then=_said(then),
        today=_said(today),
        instead=_said(instead),
        changes=_changes(then, today),
        because=_because(today or then),
    )


def _said(line: Line | None) -> Said | None:
    if line is None:
        return None
    fact = line.fact()
    return Said(id=line.id, type=line.type, at=line.now, by=rule_of(fact), says=say(fact))


def _because(line: Line | None) -> tuple[str, ...]:
    evidence = getattr(line.fact(), "evidence", ()) if line is not None else ()
    return tuple(f"{one.event_id}: {one.reads}" for one in evidence)


def rule_of(fact: AnyFact) -> str:
    """Return who decides such a thing: a detector, a remedy, or how customers are told."""
    match fact:
        case facts.ExceptionOpened() | facts.ExceptionChanged() | facts.ExceptionCleared():
            return f"detector {fact.kind}"
        case facts.ReturnLabelRequested():
            return "remedy return_label"
        case facts.ReplacementRequested():
            return "remedy expedited_replacement"
        case facts.GoodwillGranted():
            return "remedy goodwill_credit"
        case facts.ShippingRefundGranted():
            return "remedy shipping_refund"
        case facts.ReviewRequested():
            return "response: a person decides"
        case facts.ReplacementProgressed():
            return "news of a replacement"
        case facts.MessageQueued() | facts.MessageHeld() | facts.MessageWithdrawn():
            return f"notify: {fact.template}"
        case MessageOutcome():
            return "the relay"
        case _:
            return "the world"


def _changes(then: Line | None, today: Line | None) -> tuple[Change, ...]:
    if then is None or today is None or then.type != today.type:
        return ()
    return tuple(changes(then, today))


def changes(then: Line, today: Line) -> Iterator[Change]:
    """Yield the fields in which two decisions of one type differ; names and addresses are not shown."""
    if then.id != today.id:
        yield Change(field="id", then=then.id, today=today.id)
    if then.now != today.now:
        yield Change(field="now", then=then.now, today=today.now)
    before, after = dict(_leaves(_fields(then))), dict(_leaves(_fields(today)))
    if then.letter is None or today.letter is None:  # the public log has none: nothing to compare
        before, after = _without_letter(before), _without_letter(after)
    for path in [*before, *(path for path in after if path not in before)]:
        old, new = before.get(path), after.get(path)
        if old == new or path == "decision_id":
            continue
        if path in _PRIVATE:
            old, new = (PRIVATE if value is not None else None for value in (old, new))
        yield Change(field=path, then=_short(old), today=_short(new))


def _fields(line: Line) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(line.body)
    if line.letter is not None:
        fields["letter"] = msgspec.json.decode(line.letter)
    return fields


def _leaves(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        here = f"{path}.{name}" if path else name
        if isinstance(inner, dict):
            yield from _leaves(inner, here)
        else:
            yield here, inner


def _without_letter(leaves: dict[str, Any]) -> dict[str, Any]:
    return {path: value for path, value in leaves.items() if not path.startswith("letter.")}


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if len(text) <= _HUMAN else f"{text[:_HUMAN]}…"
