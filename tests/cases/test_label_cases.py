"""Runs the cases.toml of every label provider: a request, what a seller answers, and what comes of it."""

from __future__ import annotations

import tomllib
from importlib.resources import files

import msgspec
import pytest

from streams import labels
from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested
from streams.problems import Problem
from streams.settings import Secret, Settings
from tests.http_server import http_server, reply

UNSAID = {"decision_id": "decision-1", "case_id": "case-1", "lines": []}
SHOP = Settings(
    label_key=Secret("key_of_a_test"),
    return_name="Crunchy Armchairs",
    return_street="1 Example Way",
    return_city="Portland",
    return_region="OR",
    return_postal_code="97205",
    return_country="US",
)


def cases(*sorts):
    for name, factory in labels.discover().items():
        text = files(f"streams.labels.{name}").joinpath("cases.toml").read_text("utf-8")
        for case in tomllib.loads(text)["case"]:
            if not sorts or case.keys() & set(sorts):
                yield pytest.param(factory, case, id=f"{name}: {case['name']}")


@pytest.fixture
def providing():
    """Make a provider that asks a seller which answers as a case says, the last answer for ever."""
    with http_server() as server:

        def told(factory, case):
            said = [reply(one["status"], one["body"].encode()) for one in case.get("answers", [])]
            server.script, server.answer = said[:-1], said[-1] if said else server.answer
            settings = msgspec.structs.replace(SHOP, label_url=server.url, **case.get("settings", {}))
            sender = msgspec.convert(case["sender"], Address) if "sender" in case else None
            return factory.from_settings(settings, sender_of=lambda _order_id: sender)

        yield told


def asked(case):
    return msgspec.convert(UNSAID | case["request"], ReturnLabelRequested)


@pytest.mark.parametrize(("factory", "case"), [*cases("issued", "refused")])
def test_a_provider_answers_as_its_cases_say(factory, case, providing):
    """Every case names the fields of the answer that must be so, and which of the two answers it is."""
    kinds = {"issued": ReturnLabelIssued, "refused": ReturnLabelRefused}
    (kind,) = kinds.keys() & case.keys()

    answer = providing(factory, case).buy(asked(case))

    assert kinds[kind] is type(answer)
    found = msgspec.to_builtins(answer)
    assert case[kind] == {field: found.get(field) for field in case[kind]}


@pytest.mark.parametrize(("factory", "case"), [*cases("problem")])
def test_what_is_no_answer_is_asked_again(factory, case, providing):
    """Neither a label nor a no: nothing is decided on it, and the same request may be made again."""
    provider = providing(factory, case)

    with pytest.raises(Problem) as met:
        provider.buy(asked(case))

    assert (met.value.code, met.value.retriable) == (case["problem"], True)


@pytest.mark.parametrize(("factory", "case"), [*cases("issued")])
def test_asking_twice_is_asking_once(factory, case, providing):
    """The same request is the same label; a seller's last answer is the label that it has sold."""
    provider = providing(factory, case)

    assert provider.buy(asked(case)) == provider.buy(asked(case))


def test_every_provider_brings_cases():
    """A folder without cases is not finished."""
    tried = {param.values[0].name for param in cases()}

    assert set(labels.discover()) == tried
    assert {"easypost", "sandbox"} <= tried
