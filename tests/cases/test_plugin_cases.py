"""Runs the cases.toml of every detector and remedy: a history, what must follow, and what must not."""

from importlib.resources import files

import pytest

from streams.policies.discovery import discover_detectors, discover_remedies
from streams.policies.document import parse_document
from streams.policies.testing import policies, read_stories, run_story, run_tests

FOLDERS = [
    *(f"detectors.{name}" for name in discover_detectors()),
    *(f"remedies.{name}" for name in discover_remedies()),
]
POLICIES = policies()


def stories(folder):
    text = files(f"streams.core.{folder}").joinpath("cases.toml").read_text("utf-8")
    return read_stories(parse_document(text, f"streams/core/{folder.replace('.', '/')}/cases.toml"), "case")


def every_case():
    for folder in FOLDERS:
        for story in stories(folder):
            yield pytest.param(story, id=f"{folder}: {story.name}")


@pytest.mark.parametrize("story", [*every_case()])
def test_a_plugin_does_what_its_cases_say(story):
    """A case passes when all that it expects is decided, and nothing that it forbids."""
    result = run_story(story, POLICIES)

    assert result.failures == (), f"{result}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_plugin_brings_at_least_six_cases(folder):
    """A folder that does not explain itself is not finished; six show when it speaks and when it is silent."""
    assert len(stories(folder)) >= 6


@pytest.mark.parametrize("kind", discover_detectors())
def test_every_detector_shows_when_it_is_silent(kind):
    """False alarms are apologies for nothing: some case must forbid this kind, or see it end."""
    silences = [
        sentence
        for story in stories(f"detectors.{kind}")
        for sentence in (*story.table.get("never", []), *story.table.get("expect", []))
        if sentence in {"exception", f"exception {kind}", "anything"}
        or f"exception {kind} cleared" in sentence
    ]

    assert silences


@pytest.mark.parametrize("result", run_tests(), ids=lambda result: result.name)
def test_the_standard_policy_keeps_its_own_tests(result):
    """The stories inside standard.toml are what the shop stands for."""
    assert result.failures == (), f"{result}"


def test_the_standard_policy_tells_at_least_twelve_stories():
    """A policy without tests is an opinion."""
    assert len(run_tests()) >= 12
