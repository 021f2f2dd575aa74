"""The figures of a backtest as they are published: what ``--json``, the table and the page all read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from streams.ops.backtest.change import SORTS, Changes
from streams.ops.backtest.fate import REMEDIES
from streams.ops.backtest.lineup import Differs, Entrant, differences
from streams.ops.backtest.measures import Measures
from streams.ops.backtest.purse import Emptied, Grant, pay
from streams.ops.backtest.trial import Trial

_HOUR = 3600


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Hours ahead of a moment, behind it where negative: a tenth had less than ``p10``, a tenth more than ``p90``.

    None where nothing was counted.
    """

    count: int
    p10: float | None
    median: float | None
    p90: float | None


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """So often, and so much in minor units."""

    count: int = 0
    minor: int = 0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Orders whose customer was written to; ``share`` of all orders."""

    orders: int
    share: float
    by_kind: dict[str, int]


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that broke their promise, and when their customers first heard of it."""

    orders: int
    heard_in_time: int
    heard_late: int
    unheard: int
    heard_before_arrival: int
    hours_before_break: Spread
    hours_before_arrival: Spread


class FalseAlarms(msgspec.Struct, frozen=True, kw_only=True):
    """Orders whose customer was told what did not come true; ``share`` of the ``judged``, the rest is open."""

    orders: int
    judged: int
    open: int
    share: float
    by_kind: dict[str, int]
    judged_by_kind: dict[str, int]


class Mails(msgspec.Struct, frozen=True, kw_only=True):
    """How much is written, and to how many."""

    count: int
    per_hundred_orders: float
    per_order_told: float
    orders_by_mails: dict[str, int]
    customers: int
    per_customer: float
    most_to_one_customer: int
    by_template: dict[str, int]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What remedies cost in one currency, beside the budget of an order; ``limit`` None: nobody has said."""

    total: Sum
    by_remedy: dict[str, Sum]
    orders: int
    dearest_order: int
    limit: int | None


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided in the silence behind the last event: in no other figure, for nobody knows what became of it."""

    orders: int
    mails: int
    reviews: int
    cost: dict[str, Sum]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that fare differently beside the first policy, by how."""

    orders: int
    by_sort: dict[str, int]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of one policy."""

    name: str
    version: str
    differs: list[Differs]
    orders: int
    told: Told
    late: Late
    false_alarms: FalseAlarms
    mails: Mails
    cost: dict[str, Cost]
    purse: dict[str, Emptied]
    reviews: dict[str, int]
    exceptions: dict[str, int]
    by_day: dict[str, int]
    cost_by_day: dict[str, dict[str, int]]
    behind: Behind
    failed: int
    changed: Changed | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A backtest: one history, and a column for each policy; the first is what the others are compared with."""

    history: str
    first: datetime
    last: datetime
    until: datetime
    events: int
    imagined_addresses: bool
    policies: list[Column]


def figures(
    history: str, line: Sequence[Entrant], trial: Trial, purse: Mapping[str, int] | None = None
) -> Figures:
    """Return what a trial comes to."""
    assert trial.survey.first is not None
    assert trial.survey.last is not None
    changes: list[Changes | None] = [None, *trial.changes]
    return Figures(
        history=history,
        first=trial.survey.first,
        last=min(trial.survey.last, trial.until),
        until=trial.until,
        events=trial.survey.events,
        imagined_addresses=not trial.survey.has_addresses,
        policies=[
            _column(line[0], one, measures, changed, purse or {})
            for one, measures, changed in zip(line, trial.measures, changes, strict=True)
        ],
    )


def spread_of(seconds: Sequence[int]) -> Spread:
    """Return tenths of rising seconds as hours, between two neighbors in proportion, as spreadsheets do."""
    return Spread(
        count=len(seconds),
        p10=_at(seconds, 0.1),
        median=_at(seconds, 0.5),
        p90=_at(seconds, 0.9),
    )


def _at(seconds: Sequence[int], share: float) -> float | None:
    if not seconds:
        return None
    place = share * (len(seconds) - 1)
    below = int(place)
    above = min(below + 1, len(seconds) - 1)
    value = seconds[below] + (seconds[above] - seconds[below]) * (place - below)
    return round(value / _HOUR, 2)


def _column(
    first: Entrant, one: Entrant, found: Measures, changed: Changes | None, purse: Mapping[str, int]
) -> Column:
    return Column(
        name=one.name,
        version=one.policy.version,
        differs=differences(first.policy, one.policy),
        orders=found.orders,
        told=Told(
            orders=found.told, share=_share(found.told, found.orders), by_kind=_ranked(found.told_kinds)
        ),
        late=_late(found),
        false_alarms=_false_alarms(found),
        mails=_mails(found),
        cost=_costs(found.grants, one.policy.budgets.order),
        purse=pay(purse, found.grants),
        reviews=_ranked(found.reviews),
        exceptions=_ranked(found.opened_kinds),
        by_day=dict(sorted(found.days_told.items())),
        cost_by_day=_cost_by_day(found.grants),
        behind=_behind(found),
        failed=found.failed,
        changed=None if changed is None else _changed(changed),
    )


def _late(found: Measures) -> Late:
    heard = len(found.before_break)
    return Late(
        orders=found.late,
        heard_in_time=found.late_heard_in_time,
        heard_late=heard - found.late_heard_in_time,
        unheard=found.late - heard,
        heard_before_arrival=found.late_heard_before_arrival,
        hours_before_break=spread_of(found.before_break),
        hours_before_arrival=spread_of(found.before_arrival),
    )


def _false_alarms(found: Measures) -> FalseAlarms:
    false, judged = found.verdicts["false"], found.verdicts["false"] + found.verdicts["true"]
    return FalseAlarms(
        orders=false,
        judged=judged,
        open=found.verdicts["open"],
        share=_share(false, judged),
        by_kind=_ranked(found.false_kinds),
        judged_by_kind=_ranked(found.judged_kinds),
    )


def _mails(found: Measures) -> Mails:
    return Mails(
        count=found.mails,
        per_hundred_orders=round(100 * _share(found.mails, found.orders, 6), 2),
        per_order_told=_share(found.mails, found.told, 3),
        orders_by_mails={str(count): n for count, n in sorted(found.orders_by_mails.items())},
        customers=len(found.customers),
        per_customer=_share(found.mails, len(found.customers), 3),
        most_to_one_customer=max(found.customers.values(), default=0),
        by_template=_ranked(found.templates),
    )


def _costs(grants: Sequence[Grant], budgets: Mapping[str, int]) -> dict[str, Cost]:
    costs = {}
    for currency in sorted({one.currency for one in grants}):
        mine = [one for one in grants if one.currency == currency]
        orders: Counter[str] = Counter()
        for one in mine:
            orders[one.order_id] += one.minor
        costs[currency] = Cost(
            total=_sum(mine),
            by_remedy={
                remedy: _sum([one for one in mine if one.remedy == remedy])
                for remedy in REMEDIES
                if any(one.remedy == remedy for one in mine)
            },
            orders=len(orders),
            dearest_order=max(orders.values()),
            limit=budgets.get(currency),
        )
    return costs


def _cost_by_day(grants: Sequence[Grant]) -> dict[str, dict[str, int]]:
    days: dict[str, Counter[str]] = {}
    for one in grants:
        days.setdefault(one.currency, Counter())[one.now.date().isoformat()] += one.minor
    return {currency: dict(sorted(of.items())) for currency, of in sorted(days.items())}


def _behind(found: Measures) -> Behind:
    currencies = sorted({one.currency for one in found.behind_grants})
    return Behind(
        orders=found.behind_told,
        mails=found.behind_mails,
        reviews=found.behind_reviews,
        cost={
            currency: _sum([one for one in found.behind_grants if one.currency == currency])
            for currency in currencies
        },
    )


def _changed(changes: Changes) -> Changed:
    by_sort: dict[str, int] = {sort: changes.counts[sort] for sort in SORTS if changes.counts[sort]}
    return Changed(orders=sum(by_sort.values()), by_sort=by_sort)


def _sum(grants: Sequence[Grant]) -> Sum:
    return Sum(count=len(grants), minor=sum(one.minor for one in grants))


def _share(part: int, whole: int, digits: int = 4) -> float:
    return round(part / whole, digits) if whole else 0.0


def _ranked(counts: Counter[str]) -> dict[str, int]:
    """Return counts from the largest to the smallest, and none that is nothing."""
    return {key: n for key, n in sorted(counts.items(), key=lambda one: (-one[1], one[0])) if n}
