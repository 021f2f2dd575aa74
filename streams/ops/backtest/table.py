"""The figures as tables of words: the terminal prints them, and the page shows the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import msgspec

from streams.ops.backtest.change import SORTS
from streams.ops.backtest.fate import REMEDIES
from streams.ops.backtest.figures import Column, Figures, Spread
from streams.ops.backtest.rows import Row, amounts, counts, keys, more_money, row, row_of_money, texts
from streams.ops.backtest.spelling import (
    IMAGINED,
    NONE,
    REASON_WORDS,
    REMEDY_WORDS,
    beside,
    money,
    words,
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines that answer one question; ``note`` says how they are counted.

    ``key`` is what the page draws beside them: ``told late vain kinds cost persons changed behind``.
    """

    key: str
    title: str
    note: str
    rows: list[Row]
    currency: str = ""


def sections(figures: Figures) -> list[Section]:
    """Return all tables, in the order in which somebody who decides asks for them."""
    columns = figures.policies
    found = [_told(columns), _late(columns), _in_vain(columns), _kinds(columns), *_costs(columns)]
    found += [_persons(columns), _changed(columns), _behind(figures)]
    return [one for one in found if one.rows]


def heading(figures: Figures) -> list[str]:
    """Return what was measured: the history, how long it is, and in what the policies differ."""
    said = [f"{figures.history}: {extent(figures)}"]
    for one in figures.policies[1:]:
        said.append(f"{one.name} beside {figures.policies[0].name}:")
        said += [f"  {each.path} = {each.here}, not {each.first}" for each in one.differs]
    if figures.imagined_addresses:
        said.append(IMAGINED)
    return said


def extent(figures: Figures) -> str:
    """Return how long the history is."""
    orders = figures.policies[0].orders
    days = f"{figures.first:%Y-%m-%d} to {figures.last:%Y-%m-%d}"
    return f"{orders:,} orders, {figures.events:,} events, {days}"


def _told(columns: Sequence[Column]) -> Section:
    rows = [
        counts("orders in the history", columns, lambda one: one.orders, compared=False),
        counts("orders told", columns, lambda one: one.told.orders, lambda one: one.told.share),
        counts("mails", columns, lambda one: one.mails.count),
        texts("mails per 100 orders", columns, lambda one: f"{one.mails.per_hundred_orders:.1f}"),
        texts("mails per order told", columns, lambda one: f"{one.mails.per_order_told:.2f}"),
        counts("customers written to", columns, lambda one: one.mails.customers),
        texts("mails per customer", columns, lambda one: f"{one.mails.per_customer:.2f}"),
        counts("most mails to one customer", columns, lambda one: one.mails.most_to_one_customer),
    ]
    note = "An order is told when at least one mail about it goes out."
    return Section(key="told", title="Who is told", note=note, rows=rows)


def _late(columns: Sequence[Column]) -> Section:
    def part(count: Callable[[Column], int]) -> Callable[[Column], float]:
        return lambda one: count(one) / one.late.orders if one.late.orders else 0.0

    def line(label: str, count: Callable[[Column], int]) -> Row:
        return counts(label, columns, count, part(count), part=True)

    rows = [
        counts("orders that broke their promise", columns, lambda one: one.late.orders),
        line("told before the promise broke", lambda one: one.late.heard_in_time),
        line("told after it", lambda one: one.late.heard_late),
        line("never told", lambda one: one.late.unheard),
        line("told before the parcel came", lambda one: one.late.heard_before_arrival),
        *_lead("first mail, by the promise's end", columns, lambda one: one.late.hours_before_break),
        *_lead("first mail, by the parcel's arrival", columns, lambda one: one.late.hours_before_arrival),
    ]
    note = (
        "An order is late when it came after its promised day, or had not come by then. The first mail that"
        " says so counts: half of the customers had it by the first time, eight in ten between the two others."
    )
    return Section(key="late", title="How early late orders are told", note=note, rows=rows)


def _lead(label: str, columns: Sequence[Column], of: Callable[[Column], Spread]) -> list[Row]:
    def ends(one: Column) -> str:
        return f"{beside(of(one).p90)} to {beside(of(one).p10)}" if of(one).count else NONE

    return [
        texts(f"{label}, median", columns, lambda one: beside(of(one).median)),
        texts("eight in ten", columns, ends, part=True),
    ]


def _in_vain(columns: Sequence[Column]) -> Section:
    rows = [
        counts(
            "orders told in vain",
            columns,
            lambda one: one.false_alarms.orders,
            lambda one: one.false_alarms.share,
        ),
        counts("of so many whose end is known", columns, lambda one: one.false_alarms.judged, part=True),
        counts("open when the history ends", columns, lambda one: one.false_alarms.open, part=True),
    ]
    rows += [
        Row(label=words(kind), cells=[_of_judged(one, kind) for one in columns], part=True)
        for kind in keys(columns, lambda one: one.false_alarms.by_kind)
    ]
    note = (
        "Told, and then the parcel came within its promise; without a promise, the trouble was over before the"
        " parcel came. A loss is in vain when the parcel turned up, wrong contents when the scan was corrected."
    )
    return Section(key="vain", title="False alarms", note=note, rows=rows)


def _of_judged(one: Column, kind: str) -> str:
    found = one.false_alarms
    return f"{found.by_kind.get(kind, 0):,} of {found.judged_by_kind.get(kind, 0):,}"


def _kinds(columns: Sequence[Column]) -> Section:
    rows = [
        row(words(kind), [one.told.by_kind.get(kind, 0) for one in columns])
        for kind in keys(columns, lambda one: one.told.by_kind)
    ]
    note = "Orders told of each kind of trouble; one order may be in several lines."
    return Section(key="kinds", title="What they are told", note=note, rows=rows)


def _costs(columns: Sequence[Column]) -> list[Section]:
    currencies = sorted({currency for one in columns for currency in (*one.cost, *one.purse)})
    return [_cost(columns, currency) for currency in currencies]


def _cost(columns: Sequence[Column], currency: str) -> Section:
    def minor(one: Column, remedy: str | None = None) -> int:
        cost = one.cost.get(currency)
        if cost is None:
            return 0
        total = cost.total if remedy is None else cost.by_remedy.get(remedy)
        return total.minor if total is not None else 0

    def count(one: Column, remedy: str) -> int:
        cost = one.cost.get(currency)
        found = cost.by_remedy.get(remedy) if cost is not None else None
        return found.count if found is not None else 0

    rows = [amounts("all remedies", columns, currency, minor)]
    granted = [remedy for remedy in REMEDIES if any(count(one, remedy) for one in columns)]
    rows += [_sums(columns, currency, remedy, minor, count) for remedy in granted]
    rows += [
        amounts(
            "per 100 orders",
            columns,
            currency,
            lambda one: round(100 * minor(one) / one.orders) if one.orders else 0,
        ),
        amounts(
            "the dearest order",
            columns,
            currency,
            lambda one: one.cost[currency].dearest_order if currency in one.cost else 0,
        ),
        texts("budget of an order", columns, lambda one: _limit(one, currency)),
    ]
    if any(currency in one.purse for one in columns):
        rows += _purse(columns, currency)
    return Section(
        key="cost",
        currency=currency,
        title=f"What remedies cost, {currency}",
        note="As the policies price them; what a person is asked about is not in it until the person says yes.",
        rows=rows,
    )


def _sums(
    columns: Sequence[Column],
    currency: str,
    remedy: str,
    minor: Callable[[Column, str], int],
    count: Callable[[Column, str], int],
) -> Row:
    return Row(
        label=REMEDY_WORDS[remedy],
        cells=[f"{money(minor(one, remedy), currency)} ({count(one, remedy):,})" for one in columns],
        more=[more_money(minor(one, remedy) - minor(columns[0], remedy), currency) for one in columns],
        part=True,
    )


def _limit(one: Column, currency: str) -> str:
    limit = one.cost[currency].limit if currency in one.cost else None
    return money(limit, currency) if limit is not None else NONE


def _purse(columns: Sequence[Column], currency: str) -> list[Row]:
    purses = [one.purse[currency] for one in columns]
    return [
        Row(label="the purse", cells=[money(one.purse, currency) for one in purses]),
        Row(label="paid out of it", cells=[money(one.granted, currency) for one in purses], part=True),
        Row(
            label="not covered",
            cells=[f"{money(one.refused_minor, currency)} ({one.refused:,})" for one in purses],
            part=True,
        ),
        Row(
            label="first not covered on",
            cells=[
                one.first_refused_at.date().isoformat() if one.first_refused_at else NONE for one in purses
            ],
            part=True,
        ),
    ]


def _persons(columns: Sequence[Column]) -> Section:
    rows = [counts("questions to a person", columns, lambda one: sum(one.reviews.values()))]
    rows += [
        row(
            REASON_WORDS.get(reason, words(reason)),
            [one.reviews.get(reason, 0) for one in columns],
            part=True,
        )
        for reason in keys(columns, lambda one: one.reviews)
    ]
    if any(one.failed for one in columns):
        rows.append(counts("events the program failed on", columns, lambda one: one.failed))
    note = "Each holds a mail until somebody decides; in a backtest nobody does, unless the history says so."
    return Section(key="persons", title="Work for people", note=note, rows=rows)


def _changed(columns: Sequence[Column]) -> Section:
    others = [one.changed for one in columns[1:] if one.changed is not None]
    rows = []
    if others:
        rows.append(
            Row(label="orders that fare differently", cells=["", *(f"{one.orders:,}" for one in others)])
        )
    rows += [
        Row(label=says, cells=["", *(f"{one.by_sort.get(sort, 0):,}" for one in others)], part=True)
        for sort, says in SORTS.items()
        if any(one.by_sort.get(sort) for one in others)
    ]
    note = f"Order by order, beside {columns[0].name}." if others else ""
    return Section(key="changed", title="What changes", note=note, rows=rows)


def _behind(figures: Figures) -> Section:
    columns = figures.policies
    if not any(one.behind.orders or one.behind.mails or one.behind.cost for one in columns):
        return Section(key="behind", title="", note="", rows=[])
    rows = [
        counts("more orders told", columns, lambda one: one.behind.orders),
        counts("more mails", columns, lambda one: one.behind.mails),
        counts("more questions to a person", columns, lambda one: one.behind.reviews),
    ]
    rows += [
        row_of_money(
            f"more remedies, {currency}",
            [one.behind.cost[currency].minor if currency in one.behind.cost else 0 for one in columns],
            currency,
        )
        for currency in keys(columns, lambda one: dict.fromkeys(one.behind.cost, 0))
    ]
    silence = figures.until - figures.last
    note = (
        f"Nothing is recorded after {figures.last:%Y-%m-%d %H:%M} UTC. If it had stayed silent for {_length(silence)}"
        " more, this would follow on top of all figures above. Nobody knows what became of these orders, so none"
        " of it is counted there."
    )
    return Section(key="behind", title="Behind the last event", note=note, rows=rows)


def _length(span: timedelta) -> str:
    return f"{span.days} days" if span.days > 1 else f"{round(span.total_seconds() / 3600)} hours"


def lines(figures: Figures) -> Iterable[tuple[str, list[str]]]:
    """Yield a label and a cell for each policy, section by section, as a terminal shows them."""
    for section in sections(figures):
        yield section.title.upper(), [""] * len(figures.policies)
        for one in section.rows:
            more = one.more or [""] * len(one.cells)
            cells = [f"{cell}  {plus}".rstrip() for cell, plus in zip(one.cells, more, strict=True)]
            yield ("  " if one.part else "") + one.label, cells
        yield "", [""] * len(figures.policies)
