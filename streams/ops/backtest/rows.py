"""Lines of a table: a label, a cell for each policy, and how many more than under the first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from streams.ops.backtest.figures import Column
from streams.ops.backtest.spelling import MINUS, money, share


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line: what is counted, how many under each policy, and how many more than under the first one."""

    label: str
    cells: list[str]
    more: list[str] = []
    part: bool = False


def counts(
    label: str,
    columns: Sequence[Column],
    of: Callable[[Column], int],
    in_share: Callable[[Column], float] | None = None,
    *,
    part: bool = False,
    compared: bool = True,
) -> Row:
    """Return a line of counts, with their share of something where ``in_share`` says of what."""
    cells = [f"{of(one):,}" + (f" ({share(in_share(one))})" if in_share else "") for one in columns]
    more = [_signed(of(one) - of(columns[0])) if compared else "" for one in columns]
    return Row(label=label, cells=cells, more=more, part=part)


def amounts(label: str, columns: Sequence[Column], currency: str, of: Callable[[Column], int]) -> Row:
    """Return a line of sums of money."""
    return row_of_money(label, [of(one) for one in columns], currency)


def row(label: str, counts: Sequence[int], *, part: bool = False) -> Row:
    """Return a line of counts that are there already, one for each policy."""
    more = [_signed(count - counts[0]) for count in counts]
    return Row(label=label, cells=[f"{count:,}" for count in counts], more=more, part=part)


def row_of_money(label: str, minors: Sequence[int], currency: str) -> Row:
    """Return a line of sums that are there already, in minor units, one for each policy."""
    more = [more_money(minor - minors[0], currency) for minor in minors]
    return Row(label=label, cells=[money(minor, currency) for minor in minors], more=more)


def texts(label: str, columns: Sequence[Column], of: Callable[[Column], str], *, part: bool = False) -> Row:
    """Return a line of words, which are not compared."""
    return Row(label=label, cells=[of(one) for one in columns], part=part)


def more_money(minor: int, currency: str) -> str:
    """Return how much more that is, with its sign; nothing when it is nothing."""
    sign = "+" if minor > 0 else MINUS
    return f"{sign}{money(abs(minor), currency)}" if minor else ""


def _signed(count: int) -> str:
    return f"{'+' if count > 0 else MINUS}{abs(count):,}" if count else ""


def keys(columns: Sequence[Column], of: Callable[[Column], dict[str, int]]) -> list[str]:
    """Return the keys of all columns, those with the largest counts first."""
    largest: dict[str, int] = {}
    for one in columns:
        for key, count in of(one).items():
            largest[key] = max(count, largest.get(key, 0))
    return sorted(largest, key=lambda key: (-largest[key], key))
