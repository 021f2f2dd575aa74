"""What one contestant did in one run, and how contestants compare."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run: ``seconds`` and ``cpu_seconds`` from the first event to the last, start-up excluded.

    ``settled_seconds`` end when outputs and state are safe, which peers need not wait for. ``load`` is how many
    processes of this machine wanted a core when the run began.
    """

    name: str
    events: int
    seconds: float
    cpu_seconds: float
    settled_seconds: float
    decisions: int
    broker_cpu_seconds: float | None = None
    load: float = 0.0

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Events a second of one core."""
        return self.events / self.cpu_seconds

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {**asdict(self), "rate": self.rate, "cpu_rate": self.cpu_rate}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One contestant over all rounds: medians."""

    name: str
    rate: float
    cpu_rate: float
    cpu_seconds: float
    decisions: int
    broker_cpu_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Aim:
    """How many times as fast ``ours`` should be as ``theirs``."""

    ours: str
    theirs: str
    at_least: float


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """An aim beside what was measured: by the clock, and by the CPU seconds spent."""

    aim: Aim
    by_clock: float
    by_cpu: float

    @property
    def is_reached(self) -> bool:
        """By the clock, as the aim is meant."""
        return self.by_clock >= self.aim.at_least

    def as_json(self) -> dict[str, Any]:
        """Return the ratio as plain data."""
        return {
            **asdict(self.aim),
            "by_clock": self.by_clock,
            "by_cpu": self.by_cpu,
            "reached": self.is_reached,
        }


def summary(runs: Iterable[Result]) -> Summary:
    """Return the medians of one contestant's runs."""
    all_runs = list(runs)
    brokers = [run.broker_cpu_seconds for run in all_runs if run.broker_cpu_seconds is not None]
    return Summary(
        name=all_runs[0].name,
        rate=statistics.median(run.rate for run in all_runs),
        cpu_rate=statistics.median(run.cpu_rate for run in all_runs),
        cpu_seconds=statistics.median(run.cpu_seconds for run in all_runs),
        decisions=all_runs[-1].decisions,
        broker_cpu_seconds=statistics.median(brokers) if brokers else None,
    )


def ratio(aim: Aim, rounds: Iterable[Mapping[str, Result]]) -> Ratio | None:
    """Return the median of the rounds' ratios, or None where one of the two never ran."""
    pairs = [(one[aim.ours], one[aim.theirs]) for one in rounds if aim.ours in one and aim.theirs in one]
    if not pairs:
        return None
    return Ratio(
        aim=aim,
        by_clock=statistics.median(ours.rate / theirs.rate for ours, theirs in pairs),
        by_cpu=statistics.median(ours.cpu_rate / theirs.cpu_rate for ours, theirs in pairs),
    )
