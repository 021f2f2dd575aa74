"""Ways through the words: which answers to the questions in ``{% if %}`` lead to a paragraph, and which lead past all of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from jinja2 import nodes

from streams.templating.words import dotted

# Answers to questions: (("replacement", True), ("replacement.arrives", False)).
Way = frozenset[tuple[str, bool]]
# A question and the answer that lets a stretch of words stand.
Guard = tuple[nodes.Node, bool]
MOST_QUESTIONS: Final = 12  # asked at once: 4096 ways, a few milliseconds


def asked(test: nodes.Node) -> set[str]:
    """Return the names that a question asks about."""
    if isinstance(test, nodes.Not):
        return asked(test.node)
    if isinstance(test, nodes.And | nodes.Or):
        return asked(test.left) | asked(test.right)
    return {dotted(test) or ""}


def holds(test: nodes.Node, way: dict[str, bool]) -> bool:
    """Return the answer to a question on one way."""
    if isinstance(test, nodes.Not):
        return not holds(test.node, way)
    if isinstance(test, nodes.And):
        return holds(test.left, way) and holds(test.right, way)
    if isinstance(test, nodes.Or):
        return holds(test.left, way) or holds(test.right, way)
    return way[dotted(test) or ""]


def ways(names: Iterable[str]) -> Iterator[dict[str, bool]]:
    """Yield every combination of answers that can be: what is absent has no parts that are there."""
    known = sorted(names)[:MOST_QUESTIONS]
    for answers in product((True, False), repeat=len(known)):
        way = dict(zip(known, answers, strict=True))
        if all(_has_owner(name, way) for name, there in way.items() if there):
            yield way


def _has_owner(name: str, way: dict[str, bool]) -> bool:
    return all(there for owner, there in way.items() if name.startswith(f"{owner}."))


def uncovered(marked: Sequence[Iterable[Way]]) -> str | None:
    """Return a way that passes none of several places, in words; None when there is none.

    Each place is given by the ways that lead to it. The answer reads ``arrives is absent``; it is empty
    when there is no place at all.
    """
    places = [way for place in marked for way in place]
    for way in ways({name for place in places for name, _ in place}):
        if not any(all(way.get(name, there) is there for name, there in place) for place in places):
            return in_words(way, places)
    return None


def in_words(way: dict[str, bool], places: Sequence[Way]) -> str:
    """Return the answers of a way that matter: those without which some place could be reached."""
    blocking = {name for place in places for name, there in place if way.get(name, there) is not there}
    return " and ".join(
        f"{name} is {'there' if there else 'absent'}" for name, there in way.items() if name in blocking
    )
