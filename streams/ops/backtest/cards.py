"""Each policy in short: the few figures that decide, with what is better or worse about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from html import escape

import msgspec

from streams.ops.backtest.figures import Column
from streams.ops.backtest.spelling import MINUS, money, share

COLORS = 6  # of the style sheet; a seventh policy begins anew


class _Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a card: ``wish`` is 1 where more is better, -1 where less is, 0 where nobody can say."""

    label: str
    value: str
    of: str = ""
    more: float = 0
    said: str = ""
    wish: int = 0


def cards(columns: Sequence[Column]) -> str:
    """Return a card for each policy."""
    return f'<div class="cards">{"".join(_card(columns, number) for number in range(len(columns)))}</div>'


def style(number: int) -> str:
    """Return the color class of a policy, which is the same in every chart."""
    return f"p{number % COLORS}"


def _card(columns: Sequence[Column], number: int) -> str:
    one, first = columns[number], columns[0]
    figures = "".join(_figure(each, compared=number > 0) for each in _figures(one, first))
    head = f"<div><h3>{escape(one.name)}</h3>{_differs(one, first, number)}</div>"
    return f'<article class="card {style(number)}">{head}<dl>{figures}</dl></article>'


def _differs(one: Column, first: Column, number: int) -> str:
    if number == 0:
        return '<p class="note">What the others are compared with.</p>'
    rows = "".join(
        f"<li><code>{escape(each.path)}</code>: <del>{escape(each.first)}</del> <ins>{escape(each.here)}</ins></li>"
        for each in one.differs
    )
    return f'<p class="note">As {escape(first.name)}, except:</p><ul class="differs">{rows}</ul>'


def _figures(one: Column, first: Column) -> list[_Figure]:
    late, vain = one.late, one.false_alarms
    found = [
        _counted(
            "late orders told before the promise broke",
            one,
            first,
            lambda each: each.late.heard_in_time,
            of=f"of {late.orders:,}, {share(late.heard_in_time / late.orders)}" if late.orders else "",
            wish=1,
        ),
        _counted(
            "late orders never told",
            one,
            first,
            lambda each: each.late.unheard,
            of=f"of {late.orders:,}" if late.orders else "",
            wish=-1,
        ),
        _counted(
            "orders told in vain",
            one,
            first,
            lambda each: each.false_alarms.orders,
            of=f"of {vain.judged:,}, {share(vain.share)}" if vain.judged else "",
            wish=-1,
        ),
        _counted(
            "mails",
            one,
            first,
            lambda each: each.mails.count,
            of=f"about {one.told.orders:,} orders",
        ),
    ]
    found += [_cost(one, first, currency) for currency in sorted({*one.cost, *first.cost})]
    found += [
        _Figure(label=f"the purse of {money(one.purse, currency)}", value=_lasts(one.first_refused_at))
        for currency, one in one.purse.items()
    ]
    found.append(
        _counted("questions to a person", one, first, lambda each: sum(each.reviews.values()), wish=-1)
    )
    if one.changed is not None:
        found.append(_Figure(label="orders that fare differently", value=f"{one.changed.orders:,}"))
    return found


def _counted(
    label: str, one: Column, first: Column, count: Callable[[Column], int], *, of: str = "", wish: int = 0
) -> _Figure:
    more = count(one) - count(first)
    return _Figure(label=label, value=f"{count(one):,}", of=of, more=more, said=f"{abs(more):,}", wish=wish)


def _cost(one: Column, first: Column, currency: str) -> _Figure:
    def minor(each: Column) -> int:
        return each.cost[currency].total.minor if currency in each.cost else 0

    more = minor(one) - minor(first)
    return _Figure(
        label="remedies",
        value=money(minor(one), currency),
        more=more,
        said=money(abs(more), currency),  # whether less money is better, a person must say
    )


def _lasts(moment: datetime | None) -> str:
    return "is enough" if moment is None else f"lasts until {moment:%Y-%m-%d}"


def _figure(one: _Figure, *, compared: bool) -> str:
    of = f' <span class="of">{escape(one.of)}</span>' if one.of else ""
    return f"<div><dt>{escape(one.label)}</dt><dd><b>{escape(one.value)}</b>{of}{_more(one, compared)}</dd></div>"


def _more(one: _Figure, compared: bool) -> str:  # noqa: FBT001 - private, and named where it is called
    if not compared or not one.said:
        return ""
    if not one.more:
        return ' <span class="more of">no change</span>'
    wished = one.more * one.wish
    verdict = "good" if wished > 0 else "bad" if wished < 0 else "of"
    word = {"good": ", better", "bad": ", worse", "of": ""}[verdict]
    sign = "+" if one.more > 0 else MINUS
    return f' <span class="more {verdict}">{sign}{escape(one.said)}{word}</span>'
