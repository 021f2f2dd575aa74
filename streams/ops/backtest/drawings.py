"""Which charts stand beside which table, and what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from streams.ops.backtest import charts
from streams.ops.backtest.cards import style
from streams.ops.backtest.charts import Part, Reach, Series
from streams.ops.backtest.fate import REMEDIES
from streams.ops.backtest.figures import Column, Figures, Spread
from streams.ops.backtest.spelling import REMEDY_WORDS, money, share, words
from streams.ops.backtest.table import Section


def draw(figures: Figures, section: Section) -> str:
    """Return the charts that stand beside a table; empty where a table says it all."""
    columns = figures.policies
    match section.key:
        case "told":
            return _told_over_time(columns)
        case "late":
            return _heard(columns) + _leads(columns)
        case "vain":
            return _judged(columns)
        case "kinds":
            return _kinds(columns)
        case "cost":
            return _costs(columns, section.currency)
        case _:
            return ""


def _figure(caption: str, drawn: str, legend: str = "") -> str:
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawn}{legend}</figure>" if drawn else ""


def _legend(entries: Mapping[str, str]) -> str:
    items = "".join(f'<li class="{color}">{escape(says)}</li>' for says, color in entries.items())
    return f'<ul class="legend">{items}</ul>'


def _names(columns: Sequence[Column]) -> str:
    return _legend({one.name: style(number) for number, one in enumerate(columns)})


def _told_over_time(columns: Sequence[Column]) -> str:
    days = [one.by_day for one in columns]
    series = [
        Series(name=one.name, style=style(number), days=one.by_day) for number, one in enumerate(columns)
    ]
    caption = f"Orders told for the first time, in {charts.period(days)}"
    said = f"at most {charts.highest(days):,} in {charts.period(days)}"
    return _figure(
        caption, charts.course(caption, series, total=False, mark=None, said=said), _names(columns)
    )


def _heard(columns: Sequence[Column]) -> str:
    parts = {"before the promise broke": "early", "after it": "after", "never": "never"}
    rows = [
        (
            f"{one.name}: {share(one.late.heard_in_time / one.late.orders) if one.late.orders else 'no late order'} in time",
            [
                Part(value=count, says=says, style=parts[says])
                for says, count in zip(
                    parts, (one.late.heard_in_time, one.late.heard_late, one.late.unheard), strict=True
                )
            ],
        )
        for one in columns
    ]
    caption = "When the customers of late orders are told"
    return _figure(caption, charts.shares(caption, rows), _legend(parts))


def _leads(columns: Sequence[Column]) -> str:
    broken = _reaches(columns, [one.late.hours_before_break for one in columns])
    came = _reaches(columns, [one.late.hours_before_arrival for one in columns])
    first, second = (
        "First mail, by the promise: eight in ten, and the middle one",
        "First mail, by the parcel",
    )
    drawn = charts.reaches(first, broken, "promise ends") if broken else ""
    more = charts.reaches(second, came, "parcel comes") if came else ""
    return _figure(first, drawn) + _figure(second, more)


def _reaches(columns: Sequence[Column], spreads: Sequence[Spread]) -> list[Reach]:
    return [
        Reach(name=one.name, style=style(number), p10=each.p10, median=each.median, p90=each.p90)
        for number, (one, each) in enumerate(zip(columns, spreads, strict=True))
        if each.p10 is not None and each.median is not None and each.p90 is not None
    ]


def _judged(columns: Sequence[Column]) -> str:
    parts = {"came true": "early", "in vain": "never", "not known yet": "open"}
    rows = []
    for one in columns:
        found = one.false_alarms
        counts = (found.judged - found.orders, found.orders, found.open)
        pieces = [Part(value=n, says=says, style=parts[says]) for says, n in zip(parts, counts, strict=True)]
        rows.append((f"{one.name}: {share(found.share)} in vain", pieces))
    caption = "What became of what customers were told"
    return _figure(caption, charts.shares(caption, rows), _legend(parts))


def _kinds(columns: Sequence[Column]) -> str:
    kinds = list(dict.fromkeys(kind for one in columns for kind in one.told.by_kind))
    rows = [
        (
            words(kind),
            [
                Part(value=one.told.by_kind.get(kind, 0), says=one.name, style=style(number))
                for number, one in enumerate(columns)
            ],
        )
        for kind in kinds
    ]
    caption = "Orders told, by kind of trouble"
    return _figure(caption, charts.bars(caption, rows), _names(columns))


def _costs(columns: Sequence[Column], currency: str) -> str:
    remedies = [
        name
        for name in REMEDIES
        if any(name in one.cost[currency].by_remedy for one in columns if currency in one.cost)
    ]
    rows = []
    for one in columns:
        cost = one.cost.get(currency)
        spent = cost.by_remedy if cost is not None else {}
        rows.append(
            (
                f"{one.name}: {money(cost.total.minor if cost is not None else 0, currency)}",
                [
                    Part(value=spent[name].minor, says=REMEDY_WORDS[name], style=_remedy_style(name))
                    for name in remedies
                    if name in spent
                ],
            )
        )
    caption = f"Remedies, {currency}"
    legend = _legend({REMEDY_WORDS[name]: _remedy_style(name) for name in remedies})
    return _figure(caption, charts.stacks(caption, rows), legend) + _spent(columns, currency)


def _remedy_style(name: str) -> str:
    return f"r{REMEDIES.index(name)}"


def _spent(columns: Sequence[Column], currency: str) -> str:
    series = [
        Series(name=one.name, style=style(number), days=one.cost_by_day.get(currency, {}))
        for number, one in enumerate(columns)
    ]
    purse = next((one.purse[currency].purse for one in columns if currency in one.purse), None)
    most = max(sum(one.days.values()) for one in series)
    said = f"in the end at most {money(most, currency)}"
    if purse:
        said += f"; the broken line is the purse, {money(purse, currency)}"
    caption = f"Spent since the beginning, {currency}"
    return _figure(
        caption, charts.course(caption, series, total=True, mark=purse, said=said), _names(columns)
    )
