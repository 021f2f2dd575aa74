"""Runs the cases.toml of every desk: a request, what an order system answers, and what comes of it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec
import pytest

from streams import desks
from streams.core.events import ReplacementAccepted, ReplacementRefused, ReplacementRequested
from streams.problems import Problem
from streams.settings import Secret, Settings
from tests.http_server import http_server, reply

SECRET = Secret("whsec_" + "c2VjcmV0IG9mIGEgdGVzdCwgbm90IG1vcmUgdGhhbiB0aGF0")


def cases(*sorts):
    for name, factory in desks.discover().items():
        text = files(f"streams.desks.{name}").joinpath("cases.toml").read_text("utf-8")
        for case in tomllib.loads(text)["case"]:
            if not sorts or case.keys() & set(sorts):
                yield pytest.param(factory, case, id=f"{name}: {case['name']}")


@pytest.fixture
def answering():
    """An order system for the desks that ask one; it answers as a case says, the last answer for ever."""
    with http_server() as server:

        def told(case):
            said = [reply(one["status"], one["body"].encode()) for one in case.get("answers", [])]
            server.script, server.answer = said[:-1], said[-1] if said else server.answer
            return Settings(desk_url=Secret(f"{server.url}/replacements"), desk_secret=SECRET)

        yield told


def asked(case):
    return msgspec.convert({"decision_id": "decision-1"} | case["request"], ReplacementRequested)


@pytest.mark.parametrize(("factory", "case"), [*cases("accepted", "refused")])
def test_a_desk_answers_as_its_cases_say(factory, case, answering):
    """Every case names the fields of the answer that must be so, and which of the two answers it is."""
    kinds = {"accepted": ReplacementAccepted, "refused": ReplacementRefused}
    (kind,) = kinds.keys() & case.keys()

    answer = factory.from_settings(answering(case)).order(asked(case))

    assert kinds[kind] is type(answer)
    found = msgspec.to_builtins(answer)
    assert case[kind] == {field: found.get(field) for field in case[kind]}


@pytest.mark.parametrize(("factory", "case"), [*cases("problem")])
def test_what_is_no_answer_is_asked_again(factory, case, answering):
    """Neither a yes nor a no: nothing is decided on it, and the same request may be made again."""
    desk = factory.from_settings(answering(case))

    with pytest.raises(Problem) as met:
        desk.order(asked(case))

    assert (met.value.code, met.value.retriable) == (case["problem"], True)


@pytest.mark.parametrize(("factory", "case"), [*cases("accepted", "refused")])
def test_asking_a_desk_twice_is_asking_once(factory, case, answering):
    """The same request never ships twice: the answer is the same, also from a desk started anew."""
    settings = answering(case)
    desk = factory.from_settings(settings)

    first = desk.order(asked(case))

    assert first == desk.order(asked(case))
    assert first == factory.from_settings(settings).order(asked(case))


def test_every_desk_brings_cases():
    """A folder without cases is not finished."""
    tried = {param.values[0].name for param in cases()}

    assert set(desks.discover()) == tried
    assert {"shopify", "topic", "webhook"} <= tried
