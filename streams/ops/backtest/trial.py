"""Puts policies on trial: the whole history, share by share, folded once for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from zlib import crc32

import msgspec

from streams.codec.blocks import Entry
from streams.core.policy import Policy
from streams.ops.backtest.change import Changes, compare
from streams.ops.backtest.fate import Fates
from streams.ops.backtest.imagined import event_of
from streams.ops.backtest.measures import Measures, measure
from streams.ops.backtest.spread import Moved, spread
from streams.ops.backtest.survey import Found, Survey, find, outside, roots, survey
from streams.ops.backtest.world import World
from streams.ops.history import History
from streams.problems import InputProblem

RUN_ON = timedelta(days=60)  # as firstword run: how far a history runs on through silence when nobody says
_AT_ONCE = 250_000  # orders times policies that one process keeps in memory: about one gigabyte


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the orders: those of a partition whose lot is ``lot`` of ``lots``, without those that live elsewhere.

    ``guests`` are the entries of replacements that belong to orders in here.
    """

    partition: int
    lot: int = 0
    lots: int = 1
    away: frozenset[str] = frozenset()
    guests: tuple[Entry, ...] = ()


class Trial(msgspec.Struct, kw_only=True):
    """What came of it: for each policy its measures, and for all but the first what changed beside the first."""

    survey: Survey
    until: datetime
    measures: list[Measures]
    changes: list[Changes]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears how far the work is: ``begin`` names a stage and its events, ``moved`` counts them."""

    begin: Callable[[str, int | None], None]
    moved: Moved


def _ignore(_stage: str, _total: int | None) -> None:
    """Show nothing."""


def _still(_count: int) -> None:
    """Show nothing."""


UNWATCHED = Watch(begin=_ignore, moved=_still)


def put_on_trial(
    history: History,
    policies: Sequence[Policy],
    *,
    until: datetime | None = None,
    jobs: int | None = None,
    examples: int = 3,
    watch: Watch = UNWATCHED,
) -> Trial:
    """Fold a history under every policy; any number of processes finds the same.

    ``until`` is how far time runs on through silence (60 days after the last event); ``examples`` are kept of
    each sort of change. ``jobs`` defaults to the cores that this process may use.

    Raises:
        InputProblem: ``history-empty``: not one event came from outside.
        streams.problems.Problem: the history cannot be read.
    """
    jobs = jobs if jobs is not None else _cores()
    partitions = [extent.partition for extent in history.extents()]
    watch.begin("looks through the history", None)
    found = Survey()
    for part in spread(
        partitions, lambda one, moved: survey(history, one, moved, until), jobs=jobs, moved=watch.moved
    ):
        found.add(part)
    if found.last is None or not found.events:
        raise InputProblem(
            "history-empty",
            "there is nothing in this history",
            where=history.name,
            why="not one event in it came from outside" + (f" up to {until}" if until is not None else ""),
            hint="look at what was named: `firstword backtest --help` shows examples",
        )
    end = until if until is not None else found.last + RUN_ON
    family = roots(found.replaces)
    homes = _homes(history, partitions, family, jobs, watch)
    shares = _shares(partitions, homes, _lots(found, len(policies), len(partitions), jobs))
    # Every lot of a partition reads the partition whole.
    watch.begin("folds it", found.read * (len(shares) // len(partitions)))
    job = _Job(history, policies, family, found, found.last, end, examples)
    done = spread(shares, job.work, jobs=jobs, moved=watch.moved)
    return _merged(found, end, len(policies), done, examples)


def _cores() -> int:
    """Return how many cores this process may use; where the system does not say, how many there are."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on a Mac
        return os.cpu_count() or 1


def _lots(found: Survey, policies: int, partitions: int, jobs: int) -> int:
    """Return into how many lots each partition is dealt: enough for all cores, and for the memory there is."""
    return max(ceil(jobs / partitions), ceil(found.orders * policies / (_AT_ONCE * partitions)), 1)


def _homes(
    history: History, partitions: Sequence[int], family: Mapping[str, str], jobs: int, watch: Watch
) -> dict[int, tuple[frozenset[str], tuple[Entry, ...]]]:
    """Return for each partition which of its orders live with another one, and which entries live here instead."""
    if len(partitions) <= 1 or not family:
        return {}
    watch.begin("finds replacements", None)
    wanted, strangers = set(family.values()), set(family)
    found = spread(
        partitions,
        lambda one, moved: find(history, one, wanted, strangers, moved),
        jobs=jobs,
        moved=watch.moved,
    )
    return _rehoused(dict(zip(partitions, found, strict=True)), family)


def _rehoused(
    found: Mapping[int, Found], family: Mapping[str, str]
) -> dict[int, tuple[frozenset[str], tuple[Entry, ...]]]:
    home = {root: partition for partition, one in found.items() for root in one.here}
    away: dict[int, set[str]] = {partition: set() for partition in found}
    guests: dict[int, list[Entry]] = {partition: [] for partition in found}
    for partition, one in found.items():
        for order_id, entries in one.entries.items():
            there = home.get(family[order_id], partition)
            if there != partition:
                away[partition].add(order_id)
                guests[there].extend(entries)
    for entries in guests.values():
        entries.sort(key=lambda entry: entry.recorded_at)
    return {one: (frozenset(away[one]), tuple(guests[one])) for one in found}


def _shares(
    partitions: Sequence[int], homes: Mapping[int, tuple[frozenset[str], tuple[Entry, ...]]], lots: int
) -> list[Share]:
    shares: list[Share] = []
    for partition in partitions:
        away, guests = homes.get(partition, (frozenset[str](), ()))
        shares.extend(
            Share(partition=partition, lot=lot, lots=lots, away=away, guests=guests) for lot in range(lots)
        )
    return shares


_Measured = tuple[list[Measures], list[Changes]]


class _Job:
    """What every process knows: the history, the policies, and when it is over."""

    def __init__(
        self,
        history: History,
        policies: Sequence[Policy],
        family: Mapping[str, str],
        found: Survey,
        last: datetime,
        until: datetime,
        examples: int,
    ) -> None:
        self.history = history
        self.policies = policies
        self.family = family
        self.addressed = not found.has_addresses
        self.last = min(last, until)
        self.until = until
        self.examples = examples

    def work(self, share: Share, moved: Moved) -> _Measured:
        """Fold a share of the orders under every policy, and measure it."""
        fates = [Fates() for _ in self.policies]
        worlds = [World(policy, fate) for policy, fate in zip(self.policies, fates, strict=True)]
        unreadable = self._fold(share, worlds, moved)
        measured = []
        for world, fate in zip(worlds, fates, strict=True):
            one = measure(world.orders.values(), fate.of, world.policy, self.last)
            one.failed = world.failed + unreadable
            measured.append(one)
        changes = [
            compare(world.orders, fates[0].of, fate.of, self.last, self.examples)
            for world, fate in zip(worlds[1:], fates[1:], strict=True)
        ]
        return measured, changes

    def _fold(self, share: Share, worlds: Sequence[World], moved: Moved) -> int:
        """Fold the share's events as far as ``until``; return how many of them nobody could read."""
        unreadable = 0
        for entry in self._entries(share, moved):
            if entry.recorded_at > self.until:
                continue
            try:
                event = event_of(entry, addressed=self.addressed)
            except InputProblem:
                unreadable += 1
                continue
            for world in worlds:
                world.take(event)
        for world in worlds:
            world.run_on(self.until)
        return unreadable

    def _entries(self, share: Share, moved: Moved) -> Iterator[Entry]:
        """Yield the entries of the share's orders, guests at their own moments."""
        guests = [entry for entry in share.guests if self._is_mine(entry.order_id, share)]
        guests.reverse()
        for entry in outside(self.history, share.partition, moved):
            while guests and guests[-1].recorded_at <= entry.recorded_at:
                yield guests.pop()
            if entry.order_id not in share.away and self._is_mine(entry.order_id, share):
                yield entry
        yield from reversed(guests)

    def _is_mine(self, order_id: str, share: Share) -> bool:
        """True when the lot of the order, or of the order that it makes good, falls to this share."""
        if share.lots == 1:
            return True
        return crc32(self.family.get(order_id, order_id).encode()) % share.lots == share.lot


def _merged(found: Survey, until: datetime, policies: int, done: Sequence[_Measured], examples: int) -> Trial:
    trial = Trial(
        survey=found,
        until=until,
        measures=[Measures() for _ in range(policies)],
        changes=[Changes() for _ in range(policies - 1)],
    )
    for measures, changes in done:
        for mine, its in zip(trial.measures, measures, strict=True):
            mine.add(its)
        for change, more in zip(trial.changes, changes, strict=True):
            change.add(more, examples)
    for mine in trial.measures:
        mine.before_break.sort()
        mine.before_arrival.sort()
        mine.grants.sort(key=lambda one: (one.now, one.decision_id))
        mine.behind_grants.sort(key=lambda one: (one.now, one.decision_id))
    for change in trial.changes:
        change.orders.sort(key=lambda one: one.order_id)
    return trial
