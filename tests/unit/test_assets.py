"""Where templates and schemas are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams import assets
from streams.problems import UsageProblem, WorldProblem

ROOT = Path(__file__).resolve().parents[2]


def test_the_checkout_comes_first():
    """Who edits files beside the package sees those files."""
    assert assets.templates_dir() == (ROOT / "templates")


def test_an_override_wins(tmp_path):
    """A folder that was named is taken as it is."""
    assert tmp_path == assets.templates_dir(tmp_path)
    assert tmp_path == assets.schemas_dir(tmp_path)


def test_an_override_that_is_no_folder_is_used_wrongly(tmp_path):
    """The person is told which one."""
    with pytest.raises(UsageProblem) as caught:
        assets.templates_dir(tmp_path / "nowhere")

    assert ("templates-not-a-folder", str(tmp_path / "nowhere")) == (caught.value.code, caught.value.where)


def test_in_a_wheel_the_files_are_inside_the_package(tmp_path, monkeypatch):
    """A stranger's ``site-packages/templates`` is not taken for ours."""
    package = tmp_path / "site-packages" / "streams"
    (package / "_assets" / "templates" / "_layout").mkdir(parents=True)
    (tmp_path / "site-packages" / "templates").mkdir()
    monkeypatch.setattr(assets, "_PACKAGE", package)

    assert (package / "_assets" / "templates") == assets.templates_dir()


def test_an_installation_without_files_is_broken(tmp_path, monkeypatch):
    """There is nothing that the person could have done wrong."""
    monkeypatch.setattr(assets, "_PACKAGE", tmp_path / "streams")

    with pytest.raises(WorldProblem) as caught:
        assets.templates_dir()

    assert caught.value.code == "templates-not-found"
