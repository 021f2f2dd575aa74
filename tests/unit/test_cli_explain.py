"""What the program says about itself beside its commands: areas of codes, letters of kinds, words of operations."""

import tomllib
from importlib.resources import files

import pytest

from streams.cli.explain import kinds, problems, settings, words
from streams.policies.loader import load_policy
from streams.settings import FIELDS


def test_codes_are_listed_by_where_they_are_met():
    """A list of two hundred is read area by area."""
    areas = tomllib.loads(files("streams.cli.explain").joinpath("codes.toml").read_text("utf-8"))
    found = problems.pages()

    assert [page.group for page in found.values()] == [area for area, codes in areas.items() for _ in codes]
    assert found["story-unclear"].group == "stories"


def test_a_kind_names_the_letters_that_tell_it():
    """Each once, by the policy in force; a kind that is not told names none."""
    found = kinds.pages(
        load_policy(None, {"respond.lost.message": "none", "respond.lost.minor.message": "none"})
    )

    def letters(kind):
        return [line for line in found[kind].lines if line.startswith("its letter: ")]

    assert letters("wrong_item") == ["its letter: firstword templates render wrong_item"]
    assert letters("never_handed_over") == ["its letter: firstword templates render never_handed_over"]
    assert letters("lost") == []


def test_the_settings_of_the_console_stand_together():
    """Under a heading of their own."""
    found = settings.pages()

    assert {name for name, page in found.items() if page.group.startswith("the console")} == {
        name for name in FIELDS if name.startswith("console")
    }


@pytest.mark.parametrize(
    "word", ["rebuild", "shadow", "live", "stretch", "story", "purse", "inbox", "read_model"]
)
def test_the_words_of_operations_are_explained(word):
    """A sentence each."""
    assert words.pages()[word].sentence.endswith(".")
