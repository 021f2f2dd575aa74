"""Turns a worker's vitals into Prometheus' own words, when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from streams import telemetry
from streams.clock import stopwatch
from streams.service.metrics import DECLARED, OWN, Metric
from streams.service.vitals import Vitals
from streams.service.watchdog import Watchdog

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARN", 40: "ERROR"}


def registry_of(vitals: Vitals, watchdog: Watchdog) -> CollectorRegistry:
    """Return everything that ``/metrics`` tells: the vitals, the watchdog, the log lines and the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(VitalsCollector(vitals, watchdog))
    ProcessCollector(registry=registry)
    return registry


class VitalsCollector(Collector):
    """Reads vitals from another thread than the worker's: each is copied in one go."""

    def __init__(self, vitals: Vitals, watchdog: Watchdog) -> None:
        self._vitals = vitals
        self._watchdog = watchdog

    def collect(self) -> Iterator[Family]:
        """Yield every declared metric; one that the worker has not touched has no samples."""
        counts, gauges = dict(self._vitals.counts), dict(self._vitals.gauges)
        for metric in DECLARED:
            if self._vitals.role in metric.roles:
                yield self._family(metric, counts if metric.kind == "count" else gauges)
        yield from self._own()

    def _family(self, metric: Metric, values: Mapping[tuple[str, str], float]) -> Family:
        labels = ["role", metric.label] if metric.label else ["role"]
        kind = CounterMetricFamily if metric.kind == "count" else GaugeMetricFamily
        family = kind(metric.exposed, metric.sentence, labels=labels)
        now = stopwatch()
        for (name, value), number in values.items():
            if name == metric.name:
                told = now - number if metric.kind == "moment" else number
                family.add_metric([self._vitals.role, value] if metric.label else [self._vitals.role], told)
        return family

    def _own(self) -> Iterator[Family]:
        role = self._vitals.role
        gauges = {
            "firstword_ready": float(self._vitals.is_ready),
            "firstword_stuck_seconds": self._vitals.stuck_for(),
            "firstword_loop_delay_seconds": self._watchdog.loop_delay(),
        }
        for name, value in gauges.items():
            family = GaugeMetricFamily(name, OWN[name], labels=["role"])
            family.add_metric([role], value)
            yield family
        lines = CounterMetricFamily(
            "firstword_lines", OWN["firstword_lines_total"], labels=["role", "line", "level"]
        )
        for name, count in telemetry.counters().items():
            if name in telemetry.LINES:  # not those that tell the same apart once more
                lines.add_metric([role, name, _LEVELS[telemetry.LINES[name].level]], count)
        yield lines
