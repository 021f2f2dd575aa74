"""Pages about the kinds of trouble: what the detector sees, its thresholds, and what follows in the policy in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, get_args

from streams.cli.explain.page import Page, about, text_of
from streams.core.detector import Detector
from streams.core.events import Kind
from streams.core.policy import Response
from streams.policies.durations import format_duration
from streams.policies.loader import LoadedPolicy

_RESERVED = "a word of the contract; no detector of this version finds it"


def pages(policy: LoadedPolicy) -> dict[str, Page]:
    """Return the page of every kind, those without a detector included."""
    found = {detector.kind: _page(detector, policy) for detector in policy.detectors}
    for kind in get_args(Kind):
        if kind not in found:
            found[kind] = Page(name=kind, sentence=_RESERVED, plain={"kind": kind, "detector": None})
    return dict(sorted(found.items()))


def _page(detector: Detector, policy: LoadedPolicy) -> Page:
    kind = detector.kind
    thresholds = {
        ".".join(leaf[2:]): setting
        for leaf, setting in policy.settings.items()
        if leaf[:2] == ("detect", kind)
    }
    responses = {severity: policy.response(kind, severity) for severity in ("minor", "major", "severe")}
    lines = [*text_of(type(detector)), ""]
    lines += [f"{name} = {setting.value}  ({setting.origin})" for name, setting in thresholds.items()]
    lines += _said(responses)
    lines += _words(responses)
    return Page(
        name=kind,
        sentence=about(type(detector)),
        lines=tuple(lines),
        plain={
            "kind": kind,
            "news": detector.topic,
            "cured_by_arrival": detector.cured_by_arrival,
            "thresholds": {name: setting.value for name, setting in thresholds.items()},
            "responses": {severity: _plain(response) for severity, response in responses.items()},
        },
    )


def _said(responses: dict[Any, Response]) -> Iterator[str]:
    """Say what follows, once where all severities have the same answer."""
    if len(set(map(str, responses.values()))) == 1:
        yield f"then: {_response(responses['minor'])}"
        return
    for severity, response in responses.items():
        yield f"then, when {severity}: {_response(response)}"


def _words(responses: dict[Any, Response]) -> Iterator[str]:
    """Name the commands that show what a customer reads."""
    for message in dict.fromkeys(one.message for one in responses.values() if one.message):
        yield f"its letter: firstword templates render {message}"


def _response(response: Response) -> str:
    message = f"mail {response.message}" if response.message else "no mail"
    parts = [message, *response.remedies]
    if response.settle:
        parts.append(f"after it stayed true for {format_duration(response.settle)}")
    if response.tell_after:
        parts.append(f"told after {format_duration(response.tell_after)}")
    if response.person:
        parts.append("a person decides first")
    return ", ".join(parts)


def _plain(response: Response) -> dict[str, object]:
    return {
        "message": response.message,
        "remedies": list(response.remedies),
        "settle": _seconds(response.settle),
        "tell_after": _seconds(response.tell_after),
        "person": response.person,
    }


def _seconds(length: timedelta) -> float:
    return length.total_seconds()
