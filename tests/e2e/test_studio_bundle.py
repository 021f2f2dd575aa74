"""The editor's script that is committed is the one that its sources make, and says nothing of where they came from."""

import json
import shutil
import subprocess

import pytest

from tests.embedded_runs import ROOT

EDITOR = ROOT / "streams/web/studio/editor"
PAGES = ROOT / "streams/web/studio/pages"
BUILT = ("editor.js", "list.js")


def npm(folder, *arguments):
    return subprocess.run(
        ["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_sources_make_the_committed_scripts(tmp_path):
    """To the byte: nobody has to trust a script that nobody can read."""
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here to build the editor with")
    folder = shutil.copytree(EDITOR, tmp_path / "editor", ignore=shutil.ignore_patterns("node_modules"))
    fetched = npm(folder, "ci")
    if fetched.returncode and "network" in fetched.stderr.lower() + fetched.stdout.lower():
        pytest.skip(f"the editor's packages cannot be fetched: {fetched.stderr.strip()[-200:]}")
    assert fetched.returncode == 0, fetched.stderr
    built = npm(folder, "run", "build")

    assert built.returncode == 0, built.stderr
    for name in BUILT:
        assert (tmp_path / "pages" / name).read_bytes() == (PAGES / name).read_bytes(), name


def test_the_lock_pins_everything_and_names_no_host():
    """The same packages everywhere, from whichever registry a machine has; and the sixth CodeMirror, not the fifth."""
    wanted = json.loads((EDITOR / "package.json").read_text("utf-8"))
    lock = json.loads((EDITOR / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    pinned = wanted["dependencies"] | wanted["devDependencies"]

    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert {name: packages[f"node_modules/{name}"]["version"] for name in pinned} == pinned
    assert wanted["dependencies"]["codemirror"].startswith("6.0.")
    # Development tools apart, everything that ends up in the script may be handed on.
    assert {one.get("license") for one in packages.values() if not one.get("dev")} == {"MIT"}


def test_the_scripts_ask_nobody_else():
    """No address of another host stands in what browsers load, so the studio works without the internet."""
    text = "".join(
        (PAGES / name).read_text("utf-8") for name in (*BUILT, "studio.css", "editor.html", "list.html")
    )

    assert [one for one in ('fetch("http', 'import("http', "url(http", 'src="http') if one in text] == []
