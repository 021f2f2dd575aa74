"""Pages about metrics: what a worker tells at /metrics."""

from __future__ import annotations

from streams.cli.explain.page import Page
from streams.policies.loader import LoadedPolicy
from streams.service.metrics import DECLARED, OWN, Metric


def pages(_policy: LoadedPolicy | None = None) -> dict[str, Page]:
    """Return the page of every metric, by its name in /metrics."""
    found = {metric.exposed: _page(metric) for metric in DECLARED}
    for name, sentence in OWN.items():
        plain: dict[str, object] = {
            "metric": name,
            "kind": "count" if name.endswith("_total") else "gauge",
            "roles": [],
        }
        found[name] = Page(name=name, sentence=sentence, lines=("told by: every worker",), plain=plain)
    return found


def _page(metric: Metric) -> Page:
    lines = [f"told by: {', '.join(metric.roles)}"]
    if metric.label:
        lines.append(f"per:     {metric.label}")
    return Page(
        name=metric.exposed,
        sentence=metric.sentence,
        lines=tuple(lines),
        plain={
            "metric": metric.exposed,
            "kind": metric.kind,
            "label": metric.label,
            "roles": list(metric.roles),
        },
    )
