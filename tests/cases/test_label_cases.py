"""Runs the cases.toml of every label provider: a request, and what comes of it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec
import pytest

from streams import labels
from streams.core.events import ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested

UNSAID = {"decision_id": "decision-1", "case_id": "case-1", "lines": []}


def cases():
    for name, factory in labels.discover().items():
        text = files(f"streams.labels.{name}").joinpath("cases.toml").read_text("utf-8")
        for case in tomllib.loads(text)["case"]:
            yield pytest.param(factory, case, id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("factory", "case"), [*cases()])
def test_a_provider_answers_as_its_cases_say(factory, case):
    """Every case names the fields of the answer that must be so, and which of the two answers it is."""
    request = msgspec.convert(UNSAID | case["request"], ReturnLabelRequested)
    kinds = {"issued": ReturnLabelIssued, "refused": ReturnLabelRefused}
    (kind,) = kinds.keys() & case.keys()

    answer = factory().buy(request)

    assert kinds[kind] is type(answer)
    found = msgspec.to_builtins(answer)
    assert case[kind] == {field: found.get(field) for field in case[kind]}


def test_every_provider_brings_cases():
    """A folder without cases is not finished."""
    tried = {param.values[0].name for param in cases()}

    assert set(labels.discover()) == tried
    assert "sandbox" in tried
