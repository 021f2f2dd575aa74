"""Charts as inline SVG without a script: lengths in percent, so that text keeps its size on a phone.

Every chart stands beside a table with the same figures; its label says what it shows to those who hear it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape

import msgspec

from streams.ops.backtest.spelling import beside

_BAR = 22  # pixels, the height of a bar that holds numbers
_THIN = 13  # pixels, the height of one of many
_WIDEST = 72  # percent of the width for the longest bar; its number stands behind it
_ROOM = 14  # percent; a part narrower than this has no room for its number


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a bar: its class gives the color, ``says`` what it stands for."""

    value: int
    says: str
    style: str


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A value for each day; days without one are nothing."""

    name: str
    style: str
    days: Mapping[str, int]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """From the tenth to the ninth tenth in hours before a moment, with the half marked."""

    name: str
    style: str
    p10: float
    median: float
    p90: float


def shares(label: str, rows: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """Return a bar for each row, as wide as all others and cut into its parts."""
    return _chart(label, [(name, _pieces(parts, _sum(parts) or 1, numbers=True)) for name, parts in rows])


def stacks(label: str, rows: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """Return a bar for each row, as long as its parts together."""
    most = max((_sum(parts) for _, parts in rows), default=0) or 1
    return _chart(label, [(name, _pieces(parts, most, numbers=False)) for name, parts in rows])


def _sum(parts: Sequence[Part]) -> int:
    return sum(part.value for part in parts)


def _pieces(parts: Sequence[Part], whole: int, *, numbers: bool) -> str:
    drawn, x = [], 0.0
    for part in parts:
        wide = 100 * part.value / whole
        if wide > 0:
            drawn.append(_rect(part, x, 0, wide, _BAR))
        if numbers and wide >= _ROOM:
            style = f"in in-{part.style}"
            drawn.append(_text(x + wide / 2, 16, f"{part.value:,}", style=style, anchor="middle"))
        x += wide
    return _svg(_BAR, drawn)


def bars(label: str, rows: Sequence[tuple[str, Sequence[Part]]]) -> str:
    """Return a group of bars for each row, one below the other, with their numbers behind them."""
    most = max((part.value for _, parts in rows for part in parts), default=0) or 1
    return _chart(label, [(name, _group(parts, most)) for name, parts in rows])


def _group(parts: Sequence[Part], most: int) -> str:
    drawn, y = [], 0
    for part in parts:
        wide = max(_WIDEST * part.value / most, 0.3 if part.value else 0)
        drawn.append(_rect(part, 0, y, wide, _THIN))
        drawn.append(_text(wide, y + 11, f"{part.value:,}", style="n", shift=6))
        y += _THIN + 3
    return _svg(y, drawn)


def reaches(label: str, rows: Sequence[Reach], moment: str) -> str:
    """Return a line for each row from early to late, beside the ``moment`` that they are measured by."""
    earliest = max([*(one.p90 for one in rows), 0.0])
    latest = min([*(one.p10 for one in rows), 0.0])
    span = (earliest - latest) or 1.0

    def at(hours: float) -> float:
        return 3 + 94 * (earliest - hours) / span

    zero = at(0)
    named = _svg(16, [_text(zero, 12, moment, style="n", anchor="end" if zero > 50 else "start")])
    drawn = [
        (
            f"{one.name}: {beside(one.median)} ({beside(one.p90)} to {beside(one.p10)})",
            _reach(one, at(one.p90), at(one.median), at(one.p10), zero),
        )
        for one in rows
    ]
    return _chart(label, [("", named), *drawn])


def _reach(one: Reach, left: float, middle: float, right: float, zero: float) -> str:
    drawn = [
        f'<line class="zero" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="0" y2="22"/>',
        f'<line class="reach {one.style}" x1="{left:.2f}%" x2="{right:.2f}%" y1="11" y2="11"/>',
        f'<circle class="{one.style}" cx="{middle:.2f}%" cy="11" r="7"/>',
    ]
    return _svg(22, drawn)


def course(label: str, series: Sequence[Series], *, total: bool, mark: int | None, said: str) -> str:
    """Return a line through time for each series, added up from the beginning when ``total``.

    ``mark`` draws a level line; ``said`` is the largest value in words.
    """
    days = sorted({day for one in series for day in one.days})
    if not days:
        return ""
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    step = _step(first, last)
    lines = [(one, _points(one.days, first, last, step, total=total)) for one in series]
    most = max([value for _, points in lines for value in points] + ([mark] if mark else []), default=0) or 1
    paths = [_path(one, points, most) for one, points in lines]
    if mark:
        level = 100 - 100 * mark / most
        paths.append(f'<line class="mark" x1="0" x2="100" y1="{level:.2f}" y2="{level:.2f}"/>')
    stretched = 'viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible"'
    drawn = [
        '<line class="axis" x1="0" x2="100%" y1="163" y2="163"/>',
        f'<svg x="0" y="2" width="100%" height="160" {stretched}>{"".join(paths)}</svg>',
        _text(0, 179, first.isoformat(), style="n"),
        _text(100, 179, last.isoformat(), style="n", anchor="end"),
    ]
    return _chart(label, [(said, _svg(184, drawn))])


def _step(first: date, last: date) -> int:
    """Return how many days one point stands for: a day, a week or four weeks."""
    length = (last - first).days
    return 1 if length <= 45 else 7 if length <= 400 else 28


def _points(days: Mapping[str, int], first: date, last: date, step: int, *, total: bool) -> list[int]:
    points = [0] * ((last - first).days // step + 1)
    for day, value in days.items():
        points[(date.fromisoformat(day) - first) // timedelta(days=step)] += value
    if total:
        for place in range(1, len(points)):
            points[place] += points[place - 1]
    return points


def period(series: Sequence[Mapping[str, int]]) -> str:
    """Return what a point of :func:`course` stands for."""
    days = sorted({day for one in series for day in one})
    step = _step(date.fromisoformat(days[0]), date.fromisoformat(days[-1])) if days else 1
    return {1: "a day", 7: "a week", 28: "four weeks"}[step]


def highest(series: Sequence[Mapping[str, int]]) -> int:
    """Return the largest point of :func:`course`."""
    days = sorted({day for one in series for day in one})
    if not days:
        return 0
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    step = _step(first, last)
    return max(max(_points(one, first, last, step, total=False)) for one in series)


def _path(one: Series, points: Sequence[int], most: int) -> str:
    wide = 100 / max(1, len(points) - 1)
    steps = " ".join(
        f"{number * wide:.2f},{100 - 100 * value / most:.2f}" for number, value in enumerate(points)
    )
    return (
        f'<polyline class="course {one.style}" points="{steps}"><title>{escape(one.name)}</title></polyline>'
    )


def _rect(part: Part, x: float, y: float, wide: float, high: int) -> str:
    says = f"<title>{escape(part.says)}: {part.value:,}</title>"
    return (
        f'<rect class="{part.style}" x="{x:.2f}%" y="{y}" width="{wide:.2f}%" height="{high}">{says}</rect>'
    )


def _text(x: float, y: float, text: str, *, style: str, anchor: str = "start", shift: int = 0) -> str:
    return f'<text class="{style}" x="{x:.2f}%" y="{y}" dx="{shift}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, drawn: Sequence[str]) -> str:
    return f'<svg width="100%" height="{height}">{"".join(drawn)}</svg>'


def _chart(label: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of a line of words above a drawing: words may be long, and only outside a drawing do they wrap."""
    inside = "".join(f"{f'<p>{escape(says)}</p>' if says else ''}{drawn}" for says, drawn in rows)
    return f'<div class="chart" role="img" aria-label="{escape(label)}">{inside}</div>'
