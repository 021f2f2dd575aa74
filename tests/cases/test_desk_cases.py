"""Runs the cases.toml of every desk: a request, and what comes of it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec
import pytest

from streams import desks
from streams.core.events import ReplacementAccepted, ReplacementRefused, ReplacementRequested


def cases():
    for name, factory in desks.discover().items():
        text = files(f"streams.desks.{name}").joinpath("cases.toml").read_text("utf-8")
        for case in tomllib.loads(text)["case"]:
            yield pytest.param(factory, case, id=f"{name}: {case['name']}")


@pytest.mark.parametrize(("factory", "case"), [*cases()])
def test_a_desk_answers_as_its_cases_say(factory, case):
    """Every case names the fields of the answer that must be so, and which of the two answers it is."""
    request = msgspec.convert({"decision_id": "decision-1"} | case["request"], ReplacementRequested)
    kinds = {"accepted": ReplacementAccepted, "refused": ReplacementRefused}
    (kind,) = kinds.keys() & case.keys()

    answer = factory().order(request)

    assert kinds[kind] is type(answer)
    found = msgspec.to_builtins(answer)
    assert case[kind] == {field: found.get(field) for field in case[kind]}


@pytest.mark.parametrize(("factory", "case"), [*cases()])
def test_asking_a_desk_twice_is_asking_once(factory, case):
    """The same request never ships twice: the answer is the same, also from a desk started anew."""
    request = msgspec.convert({"decision_id": "decision-1"} | case["request"], ReplacementRequested)
    desk = factory()

    first = desk.order(request)

    assert first == desk.order(request)
    assert first == factory().order(request)


def test_every_desk_brings_cases():
    """A folder without cases is not finished."""
    tried = {param.values[0].name for param in cases()}

    assert set(desks.discover()) == tried
    assert "topic" in tried
