"""Looks at the brokers and the topics of the service, without writing to either."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from streams.cli.doctor.check import Check, broken, fine
from streams.problems import Problem, WorldProblem
from streams.settings import FIELDS, Settings


def look_at_kafka(settings: Settings) -> Iterator[Check]:
    """Say whether the brokers answer and how each topic is kept; one machine needs neither.

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
    good = sum(one.verdict == "fine" for one in stands)
    if good:
        yield fine("topics", f"{good} of {len(stands)} are as they must be")
    told: dict[tuple[str, str], list[str]] = {}
    for one in stands:
        if one.verdict != "fine":
            told.setdefault((one.says, one.do), []).append(one.topic)
    for (says, do), names in told.items():
        yield Check(what="topics", state="act", says=f"{', '.join(names)}: {says}", do=do)


def _nobody(problem: Problem) -> Check:
    return fine("kafka", f"nobody answers at {problem.where}; only the service needs brokers")
