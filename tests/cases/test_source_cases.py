"""Runs the ``cases.toml`` of every source: what was read, and the facts or the refusal that come of it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

import streams.sources
from streams.pipeline.ports import Ignored, Rejected
from streams.sources import discover

FOLDER = Path(streams.sources.__file__).parent
SOURCES = discover()


def cases():
    for name in SOURCES:
        for case in tomllib.loads((FOLDER / name / "cases.toml").read_text("utf-8"))["case"]:
            yield pytest.param(name, case, id=f"{name}: {case['name']}")


def outcomes(source, location):
    """Return what became of each record, fact by fact, as plain values."""
    for record in source.read(str(location)):
        found = source.translate(record)
        if isinstance(found, Rejected):
            assert found.hint, "a refusal without a way out"
            yield {"rejected": found.code, "why": found.why, "place": record.place}
        elif isinstance(found, Ignored):
            yield {"ignored": found.why, "place": record.place}
        else:
            assert found, "neither a fact nor a reason"
            for incoming in found:
                yield {
                    "type": incoming.fact.TYPE,
                    "id": incoming.id,
                    "source": incoming.source,
                    "at": incoming.occurred_at,
                    "order": incoming.order_id or "",
                    "data": msgspec.json.decode(incoming.data),
                    "place": record.place,
                }


def only_named(expected, actual):
    """Return ``actual`` without what ``expected`` does not name.

    ``why`` and ``ignored`` may be a part of the sentence; ``absent`` names what the data must not have.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        named = {key: only_named(expected[key], actual.get(key)) for key in expected}
        for key in ("why", "ignored"):
            if key in expected and expected[key] in str(actual.get(key)):
                named[key] = expected[key]
        if "absent" in expected:
            named["absent"] = [key for key in expected["absent"] if key not in actual.get("data", {})]
        return named
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        return [only_named(one, other) for one, other in zip(expected, actual, strict=True)]
    return actual


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_case(name, case, tmp_path):
    """A record becomes the facts its case expects, in their order, or is refused for the reason it expects."""
    if "sample" in case:
        location = FOLDER / name / "samples" / case["sample"]
    else:
        location = tmp_path / "input.json"
        location.write_text(case["input"], "utf-8")

    actual = list(outcomes(SOURCES[name], location))

    expected = case["expect"]
    assert expected == only_named(expected, actual), actual


def test_every_source_has_cases_and_samples():
    """A source explains and tests itself: cases, samples, and the name of its folder."""
    for name, source in SOURCES.items():
        assert name == source.name
        assert any((FOLDER / name / "samples").iterdir())
    assert {"native", "csv_history", "easypost", "shopify"} <= set(SOURCES)
