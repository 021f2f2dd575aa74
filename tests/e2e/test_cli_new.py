"""`firstword new`: every sort of plug-in works before its author has changed a line."""

import shutil
import subprocess
import sys

import pytest

from streams.cli.new.plan import SORTS
from tests.command_line import document, environment, firstword
from tests.embedded_runs import ROOT

NAME = "crunchy_armchair"
# What runs a new plug-in's cases, and whatever else looks at every folder of its sort.
RUNNERS = {
    "detector": ["tests/cases/test_plugin_cases.py"],
    "remedy": ["tests/cases/test_plugin_cases.py"],
    "template": ["tests/golden/test_templates_golden.py"],
    "source": ["tests/cases/test_source_cases.py", "tests/properties/test_source_laws.py"],
    "label": ["tests/cases/test_label_cases.py"],
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the source tree, which plug-ins may be written into."""
    root = tmp_path_factory.mktemp("checkout")
    ours = shutil.ignore_patterns("__pycache__", "e2e", "faults", "benchmarks")
    for name in ("streams", "templates", "schemas", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=ours)
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def in_copy(checkout, *arguments):
    """Run the command of the copy: it is its own source tree."""
    return firstword(*arguments, cwd=checkout, PYTHONPATH=str(checkout))


@pytest.mark.parametrize("sort", SORTS)
def test_a_new_plugin_works_at_once(checkout, sort):
    """Its cases pass in the runners that every plug-in has, which were not changed."""
    planted = in_copy(checkout, "new", sort, NAME, "--json")
    assert planted.returncode == 0, planted.stdout
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NAME, *RUNNERS[sort]],
        cwd=checkout,
        env=environment(PYTHONPATH=str(checkout)),
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert document(planted)["steps"]


def test_the_whole_product_takes_them(checkout):
    """With one of each sort in place, words and policy still hold."""
    for sort in SORTS:
        in_copy(checkout, "new", sort, "late_addition")
    lint = in_copy(checkout, "templates", "lint", "late_addition", "--json")
    tests = in_copy(checkout, "policy", "test", "--json")
    kinds = document(in_copy(checkout, "explain", "kinds", "--json"))

    assert (lint.returncode, document(lint)["findings"]) == (0, [])
    assert tests.returncode == 0
    assert "late_addition" in {page["name"] for page in kinds["pages"]}


def test_what_is_there_is_left_alone(checkout):
    """A folder that exists is never written over."""
    words = checkout / "streams" / "core" / "detectors" / "lost" / "detector.py"
    before = words.read_text()
    done = in_copy(checkout, "new", "detector", "lost", "--json")

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "plugin-exists")
    assert before == words.read_text()


@pytest.mark.parametrize("name", ["Late", "late-delivery", "9lives", "class", "../escape", "_x", "x" * 41])
def test_a_name_that_cannot_be_one_is_refused(tmp_path, name):
    """The folder is the name in events, metrics and pages."""
    done = firstword("new", "label", name, "--into", tmp_path, "--json")

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "plugin-name")
    assert list(tmp_path.iterdir()) == []


def test_without_a_checkout_it_goes_where_it_is_told(tmp_path):
    """The first step is then to move it; the source tree is not touched."""
    done = firstword("new", "detector", NAME, "--into", tmp_path, "--json")

    assert sorted(path.name for path in (tmp_path / NAME).iterdir()) == [
        "__init__.py",
        "cases.toml",
        "detector.py",
    ]
    assert document(done)["changed"] == []
    assert document(done)["steps"][0].startswith(f"move {tmp_path / NAME}")
    assert NAME not in (ROOT / "streams" / "core" / "events.py").read_text()
