"""Looks at the brokers: the topics of the service, their copies, and what waits for each kind of worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from streams.cli.doctor.check import Check, broken, fine
from streams.clock import wall_now
from streams.problems import Problem, WorldProblem
from streams.settings import FIELDS, Settings

if TYPE_CHECKING:
    from streams.ops.cluster import Cluster, Group
    from streams.service.stand import Stand

_AHEAD = timedelta(seconds=2)  # what hosts that are kept by NTP never differ by
_PATIENCE = timedelta(minutes=1)  # from here on, what waits and does not move is worth getting up for


def look_at_kafka(settings: Settings) -> Iterator[Check]:
    """Say whether the brokers answer, how each topic is kept, and who works; one machine needs none of it.

    At the address that nobody has chosen, nobody has to answer.

    Raises:
        UsageProblem: ``topic-twice``.
    """
    from streams.service.declare import look

    chosen = settings.kafka != FIELDS["kafka"].default
    try:
        stands = asyncio.run(look(settings))
    except WorldProblem as problem:
        yield broken("kafka", problem) if chosen else _nobody(problem)
        return
    missing = [one.topic for one in stands if one.verdict == "missing"]
    if not chosen and len(missing) == len(stands):
        yield fine("kafka", f"{settings.kafka} answers and has no topic of ours; only the service needs them")
        return
    yield fine("kafka", f"{settings.kafka} answers")
    yield from _topics(stands)
    yield from _cluster(settings)


def _nobody(problem: Problem) -> Check:
    return fine("kafka", f"nobody answers at {problem.where}; only the service needs brokers")


def _topics(stands: Sequence[Stand]) -> Iterator[Check]:
    good = sum(one.verdict == "fine" for one in stands)
    if good:
        yield fine("topics", f"{good} of {len(stands)} are as they must be")
    told: dict[tuple[str, str], list[str]] = {}
    for one in stands:
        if one.verdict != "fine":
            told.setdefault((one.says, one.do), []).append(one.topic)
    for (says, do), names in told.items():
        yield Check(what="topics", state="act", says=f"{', '.join(names)}: {says}", do=do)


def _cluster(settings: Settings) -> Iterator[Check]:
    from streams.ops.cluster import look

    try:
        cluster = look(settings)
    except WorldProblem as problem:
        yield broken("brokers", problem)
        return
    brokers = f"{cluster.brokers} broker{'s' if cluster.brokers != 1 else ''}"
    if not cluster.lagging:
        yield fine("brokers", f"{brokers}, every copy in step")
    else:
        yield Check(
            what="brokers",
            state="act",
            says=f"{brokers}, and a copy or the leader is missing: {', '.join(cluster.lagging)}",
            do="see which broker is down; until it is back, one more failure may stop the service",
        )
    yield from _clocks(cluster)
    yield _faust()
    for group in cluster.groups:
        yield _group(group, wall_now())


def _faust() -> Check:
    from streams.service.faust_overrides import VERSION, check_faust

    try:
        check_faust()
    except Problem as problem:
        return broken("faust", problem)
    return fine("faust", f"{VERSION}, compiled")


def _clocks(cluster: Cluster) -> Iterator[Check]:
    ahead = cluster.newest - wall_now() if cluster.newest is not None else timedelta()
    if ahead > _AHEAD:
        yield Check(
            what="clocks",
            state="act",
            says=f"the newest record of the journal was written {spell_age(ahead)} ahead of this clock",
            do="keep the clocks of all hosts by NTP; promises are judged by them",
        )


def _group(group: Group, now: datetime) -> Check:
    workers = f"{group.workers} worker{'s' if group.workers != 1 else ''}" if group.workers else "no worker"
    if not group.behind:
        start = "" if group.workers else f"firstword worker {group.role}"
        state = "ok" if group.workers else "look"
        return Check(what=group.role, state=state, says=f"{workers}, nothing waits", do=start)  # type: ignore[arg-type]  # one of them
    waits = now - group.oldest if group.oldest is not None else None
    records = f"{group.behind:,} records wait" if group.behind != 1 else "1 record waits"
    said = f"{workers}, {records}{f', the oldest for {spell_age(waits)}' if waits is not None else ''}"
    if not group.workers:
        return Check(what=group.role, state="act", says=said, do=f"firstword worker {group.role}")
    if group.taken:
        return _moving(group, said)
    stuck = waits is None or waits > _PATIENCE
    return Check(
        what=group.role,
        state="act" if stuck else "look",
        says=f"{said}, and none was taken in {group.seconds:.0f} seconds",
        do=f"read the log of `firstword worker {group.role}`, and its /health/ready; look again in a minute",
    )


def _moving(group: Group, said: str) -> Check:
    rate = (group.taken or 0) / group.seconds
    left = timedelta(seconds=group.behind / rate)
    says = f"{said}; {rate:,.0f} a second are taken, all of it in {spell_age(left)} if nothing new comes"
    if left < timedelta(minutes=10):
        return fine(group.role, says)
    more = (
        f"start more of `firstword worker {group.role}`: as many as there are partitions can share the work"
    )
    return Check(what=group.role, state="look", says=says, do=more)


def spell_age(age: timedelta) -> str:
    """Return a length of time in its largest unit that says enough: ``40 s``, ``12 min``, ``5 h``, ``3 d``."""
    seconds = max(0.0, age.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
