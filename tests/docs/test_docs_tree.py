"""The pictures of the house are true: its tree, its layers, its dependencies and its version."""

import re
import subprocess
import tomllib

from tests.docs.documents import ROOT, blocks, read

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LEFT_OUT = {"build", "dist", "demo", "firstword-data"}  # written by runs and recipes
DEEPER = {
    "skeletons",
    "samples",
    "expected",
    "histories",
    "recorded",
    "mails",
    "right_to_left",  # a shop's own words in Arabic, for the tests of the layout
}  # what a plug-in or a command brings along


def drawn():
    """Return the folders of the tree in CONTRIBUTING; ``<kind>`` stands for any name."""
    (tree,) = [block for block in blocks("CONTRIBUTING.md") if block.language == "tree"]
    path, found = [], set()
    for line in tree.text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        folder = line.split()[0]
        assert folder.endswith("/"), line
        path[depth:] = [folder.rstrip("/")]
        whole = "/".join(path)
        found |= {whole, whole.partition("/<")[0]}
    return found


def on_disk():
    """Return the folders of ours that hold a file, as far down as the tree draws."""
    found = set()
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        if not path.is_dir() or any(part.startswith((".", "_")) for part in inside.parts):
            continue
        if inside.parts[0] in LEFT_OUT or inside.parts[0].endswith(".egg-info") or DEEPER & set(inside.parts):
            continue
        if any(child.is_file() for child in path.iterdir()):
            found.add(inside.as_posix())
    return found


def pattern(folder):
    """Return what a drawn folder stands for."""
    return re.compile(re.sub(r"<\w+>", "[A-Za-z0-9_]+", folder))


def test_every_folder_is_drawn():
    """What is on disk stands in the tree."""
    patterns = [pattern(folder) for folder in drawn()]

    assert {folder for folder in on_disk() if not any(one.fullmatch(folder) for one in patterns)} == set()


def test_nothing_is_drawn_that_is_not_there():
    """What stands in the tree is on disk."""
    folders = on_disk()

    assert {
        folder for folder in drawn() if not any(pattern(folder).fullmatch(one) for one in folders)
    } == set()


def test_the_layers_are_those_that_are_held():
    """The page and the import contract say the same."""
    (contract,) = [one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    (shown,) = [block.text.split("\n") for block in blocks("CONTRIBUTING.md") if "\nwiring\n" in block.text]
    held = [re.sub(r"[()]", "", layer) for layer in contract["layers"] if layer != "(__main__)"]

    assert [line for line in shown if line] == held


def test_every_file_of_the_service_has_its_sentence():
    """Who looks for something in the largest folder finds it on one page."""
    section = read("CONTRIBUTING.md").partition("\n### The service\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+\.py)` \| (.+) \|$", section, flags=re.MULTILINE)
    files = {path.name for path in (ROOT / "streams" / "service").glob("*.py")} - {"__init__.py"}

    assert sorted(name for name, _ in rows) == sorted(files)
    assert [name for name, sentence in rows if len(sentence.split()) < 4 or not sentence.endswith(".")] == []


def test_every_dependency_has_its_sentence():
    """A row per dependency, for running and for development, and none for what is gone."""
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    names = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in wanted}
    section = read("CONTRIBUTING.md").partition("\n## Dependencies\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([\w.-]+) \| (.+) \|$", section, flags=re.MULTILINE))
    rows.pop("dependency")

    assert set(rows) == names
    assert [name for name, why in rows.items() if len(why.split()) < 3 or not why.endswith(".")] == []


def test_every_marker_is_explained():
    """CONTRIBUTING names each marker of the tests."""
    markers = [marker.partition(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]

    assert [marker for marker in markers if f"`{marker}`" not in read("CONTRIBUTING.md")] == []


def test_the_changelog_begins_with_this_version():
    """The newest entry is the version of the package."""
    newest = re.findall(
        r"^## \[?(\d+\.\d+\.\d+)\]? - (unreleased|\d{4}-\d\d-\d\d)$", read("CHANGELOG.md"), re.MULTILINE
    )

    assert newest[0][0] == PROJECT["project"]["version"]


def test_the_changelog_is_in_order():
    """Newest first, and nothing released stands above what is not."""
    entries = re.findall(r"^## \[?(\d+)\.(\d+)\.(\d+)\]? - (\S+)$", read("CHANGELOG.md"), re.MULTILINE)
    versions = [tuple(map(int, entry[:3])) for entry in entries]

    assert versions == sorted(set(versions), reverse=True)
    assert [entry[3] for entry in entries[1:] if entry[3] == "unreleased"] == []


def test_the_readme_stands_in_the_order_of_its_readers():
    """First a mail, then the doors, then what is promised, then everything else."""
    headings = re.findall(r"^## (.+)$", read("README.md"), re.MULTILINE)

    assert headings == [
        "Sixty seconds to the first mail",
        "Three doors",
        "What is guaranteed",
        "What it refuses to do",
        "The words",
        "How to add things",
        "Tests",
        "Configuration",
        "Figures",
        "Status",
    ]


def test_the_demo_of_the_page_is_the_demo_of_the_recipe():
    """`make demo` runs what the page shows the output of, and `make test` what the page calls the tests."""

    def recipe(name):
        done = subprocess.run(
            ["make", "--no-print-directory", "-n", name], cwd=ROOT, capture_output=True, check=True, text=True
        )
        return done.stdout.splitlines()[-1]

    assert recipe("demo").endswith("/firstword demo")
    assert "/pytest" in recipe("test")
