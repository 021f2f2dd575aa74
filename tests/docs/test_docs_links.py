"""What the documents point at is there: links, pictures, tests by name, and nothing that only one machine has."""

import ast
import re
import struct

import pytest

from tests.docs.documents import NAMES, ROOT, anchors, links, named_tests, read

PICTURE_LIMIT = 200_000  # bytes: a page should open at once
# Where a path begins that only one machine has.
MACHINE = re.compile(r"(?<![\w.:/-])/(?:home|root|Users|work|tmp|opt|mnt|private)/\S+|[A-Z]:\\\w+")
# Spelled in pieces, so that this file does not name what it looks for.
REGISTRIES = re.compile("|".join(("p" + r"ypi\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:com|org)")))
SKIPPED = {"__pycache__", "build", "dist", "demo", "firstword-data"}
TEXTS = {".py", ".md", ".toml", ".txt", ".mjml", ".html", ".json", ".yaml", ".ndjson", ".subject", ".csv", ""}


def everything():
    """Return every file of ours that a clone has and a person can read."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        hidden = any(part.startswith(".") and part != ".ci" for part in inside.parts[:-1])
        if path.is_file() and not hidden and not SKIPPED & set(inside.parts) and path.suffix in TEXTS:
            yield path


def names_in(path):
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    named = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    given = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return named | given


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name):
    """A file or folder of this tree, a heading of the same page, or a page of the web over TLS."""
    for link in links(name):
        path, _, anchor = link.partition("#")
        if path.startswith("https://"):
            continue
        assert not path.startswith(("http:", "/")), link
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(path or name), link


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_test_that_is_named_exists(name):
    """Under that name, in the file that the link names."""
    named = named_tests(name)

    assert named
    for test, path in named:
        assert test in names_in(ROOT / path), f"{test} is not in {path}"


def test_the_pictures_are_there_and_small():
    """PNG, at most twice as wide as shown, below 200 kB; every picture that is kept is shown."""
    shown = [link for name in NAMES for link in links(name) if link.endswith(".png")]

    assert sorted(shown) == sorted(f".readme/{path.name}" for path in (ROOT / ".readme").iterdir())
    for link in shown:
        picture = (ROOT / link).read_bytes()
        width, _ = struct.unpack(">II", picture[16:24])
        assert picture.startswith(b"\x89PNG\r\n\x1a\n"), link
        assert len(picture) < PICTURE_LIMIT, link
        assert width == 1280, link


def test_every_picture_has_its_words():
    """Who cannot see it reads what it shows."""
    for tag in re.findall(r"<img [^>]*>|!\[[^\]]*\]\([^)]*\)", read("README.md")):
        assert re.search(r'alt="[^"]{40,}"|!\[[^\]]{40,}\]', tag), tag


@pytest.mark.parametrize("name", NAMES)
def test_no_document_names_one_machine(name):
    """No absolute path, whoever's it is."""
    assert MACHINE.findall(read(name)) == []


def test_nothing_names_a_package_registry():
    """Where packages come from is the business of whoever installs them."""
    naming = {
        path.relative_to(ROOT).as_posix()
        for path in everything()
        if REGISTRIES.search(path.read_text("utf-8", errors="replace"))
    }

    assert naming == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see /home/ana/shop", 1),
        ("see C:\\shop", 1),
        ("POST /in/native and maildir:/var/mail/shop", 0),
        ("https://example.com/home/ana", 0),
    ],
)
def test_machine_paths_are_recognized(text, found):
    """The pattern itself can fail."""
    assert len(MACHINE.findall(text)) == found
