"""Executes the documents: what a reader would type works, in the order of the page, in a fresh clone."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.docs.documents import ROOT, blocks

EXECUTED = ("README.md", "CONTRIBUTING.md")
# What a clone has and a command may read or write.
CLONED = ("streams", "templates", "schemas", "tests", "Makefile", "pyproject.toml")


@pytest.fixture
def clone(tmp_path):
    """A clone of this tree with ``firstword`` and ``python`` on its path; commands write into it, never into ours."""
    root = tmp_path / "clone"
    skipped = shutil.ignore_patterns("__pycache__", ".*")
    for name in CLONED:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, root / name, ignore=skipped)
        else:
            shutil.copy(here, root / name)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"firstword": "-m streams", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        program.chmod(0o755)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTWORD_")}
    environment = bare | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(root)}

    def shell(text):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=root,
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )

    return shell


def missing(shown, printed):
    """Return the first shown line that was not printed behind the one before; ``...`` stands for any lines."""
    rest = iter([line.rstrip() for line in printed.splitlines()])
    previous, gap = None, True
    for line in (one.rstrip() for one in shown.splitlines()):
        if line == "...":
            gap = True
            continue
        for candidate in rest:
            if candidate == line:
                break
            if not gap:
                return f"{line!r} does not follow {previous!r}: {candidate!r} does"
        else:
            return f"{line!r} is not printed"
        previous, gap = line, False
    return None


@pytest.mark.parametrize("name", EXECUTED)
def test_what_a_document_tells_to_type_works(clone, name):
    """Every block of commands that is not marked runs to its end with exit code 0, and prints what is shown."""
    ran = 0
    for block in blocks(name):
        if block.mark == "prints":
            done = clone(block.said)
            assert done.returncode == 0, f"{block.place}: {block.said}\n{done.stdout}{done.stderr}"
            assert missing(block.text, done.stdout) is None, (
                f"{block.place}: {missing(block.text, done.stdout)}"
            )
        elif block.language == "sh" and block.mark is None:
            done = clone(block.text)
            assert done.returncode == 0, f"{block.place}\n{block.text}{done.stdout}{done.stderr}"
        else:
            continue
        ran += 1

    assert ran > 1


@pytest.mark.parametrize("name", EXECUTED)
def test_a_block_that_is_not_run_says_why(name):
    """A reason of several words, above the block; and no block hides behind a language that nobody runs."""
    for block in blocks(name):
        if block.mark == "not run":
            assert len(block.said.split()) >= 3, block.place
        if block.language != "sh" and block.mark is None:
            first = block.text.split(maxsplit=1)[0]
            assert first not in {"firstword", "make", "$", "python", "git"}, f"{block.place} is never run"


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("a\n...\nc\n", "a\nb\nc\n", None),
        ("b\n", "a\nb\n", None),
        ("a\nc\n", "a\nb\nc\n", "'c' does not follow 'a': 'b' does"),
        ("a\nd\n", "a\n", "'d' is not printed"),
        ("c\n...\na\n", "a\nb\nc\n", "'a' is not printed"),
    ],
)
def test_shown_output_is_compared_in_order(shown, printed, expected):
    """The comparison itself can fail: lines in order, gaps only where ``...`` stands."""
    assert missing(shown, printed) == expected
