"""What a policy comes to, in figures that add up: measured share by share of the orders, merged in any order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Literal

import msgspec

from streams.core.order import Order, Trouble
from streams.core.policy import Policy
from streams.ops.backtest.fate import Fate, Told
from streams.ops.backtest.purse import Grant

Verdict = Literal["true", "false", "open"]
Days = Counter[str]
_FORECASTS = frozenset({"delay"})  # topics that foretell: the parcel may still come on time


class Measures(msgspec.Struct, kw_only=True):
    """Sums over orders; times are whole seconds, days are days of UTC (``2026-11-20``)."""

    orders: int = 0
    arrived: int = 0
    late: int = 0
    late_heard_in_time: int = 0
    late_heard_before_arrival: int = 0
    told: int = 0
    told_kinds: Counter[str] = msgspec.field(default_factory=Counter)
    opened_kinds: Counter[str] = msgspec.field(default_factory=Counter)
    verdicts: Counter[str] = msgspec.field(default_factory=Counter)
    false_kinds: Counter[str] = msgspec.field(default_factory=Counter)
    judged_kinds: Counter[str] = msgspec.field(default_factory=Counter)
    before_break: list[int] = msgspec.field(default_factory=list)
    before_arrival: list[int] = msgspec.field(default_factory=list)
    mails: int = 0
    templates: Counter[str] = msgspec.field(default_factory=Counter)
    orders_by_mails: Counter[int] = msgspec.field(default_factory=Counter)
    customers: Counter[bytes] = msgspec.field(default_factory=Counter)
    grants: list[Grant] = msgspec.field(default_factory=list)
    reviews: Counter[str] = msgspec.field(default_factory=Counter)
    days_told: Days = msgspec.field(default_factory=Counter)
    behind_told: int = 0
    behind_mails: int = 0
    behind_grants: list[Grant] = msgspec.field(default_factory=list)
    behind_reviews: int = 0
    failed: int = 0

    def add(self, other: Measures) -> None:
        """Take in another share; shares may come in any order."""
        for name in self.__struct_fields__:
            mine, its = getattr(self, name), getattr(other, name)
            if isinstance(mine, Counter):
                mine.update(its)
            elif isinstance(mine, list):
                mine.extend(its)
            else:
                setattr(self, name, mine + its)


def measure(orders: Iterable[Order], fates: dict[str, Fate], policy: Policy, last: datetime) -> Measures:
    """Measure the orders of a world that has run to its end.

    ``last`` is the moment of the last recorded event. What is decided in the silence behind it is counted
    apart: nobody knows what became of those orders.
    """
    found = Measures()
    nothing = Fate()
    for order in orders:
        if order.placed_at is None:
            continue
        whole = fates.get(order.order_id, nothing)
        fate = whole.until(last) if whole is not nothing else nothing
        found.orders += 1
        found.arrived += order.arrived_at is not None
        _late(found, order, fate, policy, last)
        if whole is nothing:
            continue
        _told(found, order, fate, policy, last)
        _decided(found, fate)
        _behind(found, whole, fate)
    return found


def first_word(order: Order, fate: Fate, policy: Policy) -> Told | None:
    """Return the first mail that says that the parcel may come late or not at all."""
    topics = policy.topics
    kinds = {trouble.exception_id: trouble.kind for trouble in _troubles(order)}
    for one in fate.told:
        told = [kinds[each] for each in one.message.exception_ids if each in kinds]
        if any(topics[kind] != "contents" for kind in told):
            return one
    return None


def broke(order: Order, ends_at: datetime | None, last: datetime) -> bool:
    """True when the order came after its promise, or had not come when the promise ended, as far as anybody knows."""
    if ends_at is None or order.canceled_at is not None or order.awaits_pickup:
        return False
    if order.arrived_at is not None:
        return order.arrived_at >= ends_at
    return ends_at <= last


def _late(found: Measures, order: Order, fate: Fate, policy: Policy, last: datetime) -> None:
    """Count an order that broke its promise, and how early its customer heard."""
    ends_at = order.promise.ends_at if order.promise is not None else None
    if ends_at is None or not broke(order, ends_at, last):
        return
    found.late += 1
    word = first_word(order, fate, policy)
    if word is None:
        return
    found.before_break.append(_seconds(word.now, ends_at))
    found.late_heard_in_time += word.now < ends_at
    if order.arrived_at is None:
        found.late_heard_before_arrival += 1
    else:
        found.late_heard_before_arrival += word.now < order.arrived_at
        found.before_arrival.append(_seconds(word.now, order.arrived_at))


def _told(found: Measures, order: Order, fate: Fate, policy: Policy, last: datetime) -> None:
    """Count an order of which its customer was told, by kind, and whether that proved true."""
    if not fate.told:
        return
    found.told += 1
    found.mails += len(fate.told)
    found.orders_by_mails[len(fate.told)] += 1
    found.customers[_customer(order)] += len(fate.told)
    found.days_told[fate.told[0].now.date().isoformat()] += 1
    verdicts: dict[str, set[Verdict]] = {}
    troubles = {trouble.exception_id: trouble for trouble in _troubles(order)}
    for one in fate.told:
        found.templates[one.message.template] += 1
        for trouble in (troubles[each] for each in one.message.exception_ids if each in troubles):
            verdict = judge(order, trouble, one, policy, last)
            verdicts.setdefault(trouble.kind, set()).add(verdict)
    found.told_kinds.update(verdicts.keys())
    for kind, said in verdicts.items():
        if said != {"open"}:
            found.judged_kinds[kind] += 1
            found.false_kinds[kind] += "true" not in said
    found.verdicts[_whole(set().union(*verdicts.values()))] += 1


def judge(order: Order, trouble: Trouble, told: Told, policy: Policy, last: datetime) -> Verdict:
    """Return whether what was told proved true, as far as the history goes.

    Lateness is false when the parcel came within the promise of that moment; without one, when the trouble
    was over before the parcel came. A loss is false when the parcel itself was found or came after all, wrong
    contents when the station corrected its scan. A van that rang in vain is a fact, and never false.
    """
    topic = policy.topics[trouble.kind]
    if trouble.subject == "replacement" or topic == "attempt":
        return "true"
    if order.canceled_at is not None:
        return "open"
    over = trouble.cleared_at is not None and trouble.cleared_at <= last
    if topic not in _FORECASTS:
        return "false" if over and order.made_good(trouble.subject, trouble.kind) is None else "true"
    if told.breaks_at is not None:
        if broke(order, told.breaks_at, last):
            return "true"
        return "false" if order.arrived_at is not None or order.awaits_pickup else "open"
    if not over:
        return "open" if order.arrived_at is None else "true"
    assert trouble.cleared_at is not None  # it is over
    return "true" if order.arrived_at is not None and trouble.cleared_at >= order.arrived_at else "false"


def _whole(verdicts: set[Verdict]) -> Verdict:
    """Return the verdict on all that one customer was told: one true word makes the mail worth it."""
    if "true" in verdicts or not verdicts:
        return "true"
    return "open" if "open" in verdicts else "false"


def _decided(found: Measures, fate: Fate) -> None:
    found.grants.extend(fate.granted)
    found.reviews.update(one.reason for one in fate.asked)
    found.opened_kinds.update({kind for _, kind in fate.opened})


def _behind(found: Measures, whole: Fate, fate: Fate) -> None:
    """Count what was decided in the silence behind the last event."""
    found.behind_told += bool(whole.told) and not fate.told
    found.behind_mails += len(whole.told) - len(fate.told)
    found.behind_grants.extend(whole.granted[len(fate.granted) :])
    found.behind_reviews += len(whole.asked) - len(fate.asked)


def _troubles(order: Order) -> tuple[Trouble, ...]:
    return order.case.troubles if order.case is not None else ()


def _customer(order: Order) -> bytes:
    """Return a short name for a customer by which nobody is found."""
    name = order.customer.customer_id if order.customer is not None else order.order_id
    return blake2b(name.encode(), digest_size=8).digest()


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())
