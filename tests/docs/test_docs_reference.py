"""The reference that the program prints is whole, and the documents speak of nothing that it does not have."""

import ast
import re
import shlex
import tomllib

import click
import pytest

from streams.cli import explain
from streams.cli.explain import settings as setting_pages
from streams.cli.program import program
from streams.policies.loader import load_policy
from streams.settings import Settings
from tests.docs.documents import NAMES, ROOT, blocks, inline, prose, read

PLUGINS = {
    "streams/core/detectors": ("detector.py", "cases.toml"),
    "streams/core/remedies": ("remedy.py", "cases.toml"),
    "streams/sources": ("adapter.py", "cases.toml", "samples"),
    "streams/labels": ("provider.py", "cases.toml"),
    "streams/desks": ("desk.py", "cases.toml"),
    "templates": (
        "message.toml",
        "en.md",
        "pt_BR.md",
        "samples/typical.json",
        "samples/worst.json",
        "expected",
    ),
}
FOLDERS = [
    pytest.param(folder, brings, id=folder.relative_to(ROOT).as_posix())
    for place, brings in PLUGINS.items()
    for folder in sorted((ROOT / place).iterdir())
    if folder.is_dir() and not folder.name.startswith(("_", "."))
]


def commands(group, path="firstword"):
    """Yield every command and group with the words that call it."""
    yield path, group
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            yield from commands(group.get_command(click.Context(group), name), f"{path} {name}")


COMMANDS = dict(commands(program()))


def unknown_words(line):
    """Return what a command line names and the program does not have: a command, or an option."""
    words = shlex.split(line)
    path = words.pop(0)
    while words and f"{path} {words[0]}" in COMMANDS:
        path += f" {words.pop(0)}"
    command = COMMANDS[path]
    if isinstance(command, click.Group):
        words = [word for word in words if word not in {"COMMAND", "--help"}]
        return [f"{path} {word}" for word in words]
    known = {"--help"} | {option for one in command.params for option in one.opts}
    asked = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
    return [f"{path} {option}" for option in asked if option not in known]


def firstword_in(text):
    """Return the command lines of a shell text, one per call."""
    return re.findall(r"(?:^|\| )(firstword\b[^|>\n]*)", text, flags=re.MULTILINE)


# ---------------------------------------------------------------------------- what the program prints


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_shows_examples_and_a_sentence(path):
    """`--help` opens with what the command does and ends with lines that can be copied."""
    command = COMMANDS[path]
    context = click.Context(command, info_name=path)
    told = command.get_help(context)

    assert command.help, path
    assert "\nExamples:\n" in told, path
    assert command.examples, path


@pytest.mark.parametrize("path", COMMANDS)
def test_every_example_names_what_exists(path):
    """Commands and options of an example are those of the program, and it calls the command it stands under."""
    examples = COMMANDS[path].examples

    assert [unknown_words(line) for example in examples for line in firstword_in(example)] == [
        [] for example in examples for _ in firstword_in(example)
    ]
    assert [example for example in examples if path not in example] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_its_sentence(path):
    """An option without one is a riddle."""
    options = [one for one in COMMANDS[path].params if isinstance(one, click.Option) and not one.hidden]
    # A choice between named things says what it is by its values.
    silent = [one.name for one in options if not one.help and not isinstance(one.type, click.Choice)]

    assert silent == []


def test_every_setting_is_explained():
    """`firstword explain settings` has each, with its variable and a sentence."""
    pages = setting_pages.pages()

    assert list(pages) == list(Settings.__struct_fields__)
    for name, page in pages.items():
        assert page.plain["variable"] == f"FIRSTWORD_{name.upper()}"
        assert page.sentence.endswith("."), name


# ---------------------------------------------------------------------------- plug-ins


@pytest.mark.parametrize(("folder", "brings"), FOLDERS)
def test_a_plugin_explains_and_tests_itself(folder, brings):
    """What its sort must bring is there and is not empty."""
    for name in brings:
        path = folder / name
        assert path.exists(), name
        assert any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0, name


@pytest.mark.parametrize(("folder", "brings"), FOLDERS)
def test_a_plugin_opens_with_a_sentence(folder, brings):
    """Its module and its class are its page; a message says its purpose."""
    if brings[0] == "message.toml":
        assert len(tomllib.loads((folder / brings[0]).read_text("utf-8"))["purpose"]) >= 10
        return
    tree = ast.parse((folder / brings[0]).read_text("utf-8"))
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef)]

    assert len(first) >= 20
    assert first.endswith(".")
    assert [node.name for node in kinds if not ast.get_docstring(node)] == []
    assert kinds


@pytest.mark.parametrize(("folder", "brings"), FOLDERS)
def test_cases_can_be_read(folder, brings):
    """At least one case, each with a name of its own, none the same as another's."""
    if "cases.toml" not in brings:
        return
    cases = tomllib.loads((folder / "cases.toml").read_text("utf-8"))
    names = [
        case["name"]
        for table in cases.values()
        if isinstance(table, list)
        for case in table
        if "name" in case
    ]

    assert names
    assert len(set(names)) == len(names)


# ---------------------------------------------------------------------------- what the documents say


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists(name):
    """In the text and in every block, those that are not run included."""
    lines = [text for text in inline(name) if text.startswith("firstword ")]
    lines += [line for block in blocks(name) if block.language == "sh" for line in firstword_in(block.text)]

    assert [wrong for line in lines for wrong in unknown_words(line.replace("[", "").replace("]", ""))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_word_that_is_to_be_explained_has_a_page(name):
    """`firstword explain X` in a document leads to a page; words in capitals stand for any."""
    policy = load_policy()
    for text in [*inline(name), *(block.text for block in blocks(name))]:
        for word in re.findall(r"firstword explain ([\w.-]+)", text):
            known = word in explain.TOPICS or word.isupper() or list(explain._find(word, policy))
            assert known, word


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_that_is_named_is_a_setting(name):
    """Every `FIRSTWORD_...` in a document can be set, or is the recipe's own."""
    known = {page.plain["variable"] for page in setting_pages.pages().values()} | {"FIRSTWORD_ACCEPT"}
    named = set(re.findall(r"FIRSTWORD_[A-Z_]+[A-Z]", read(name)))

    assert named - known == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_that_is_named_exists(name):
    """`make X` is one of the Makefile's."""
    recipes = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)`", prose(name)))

    assert named - recipes == set()


def test_the_policy_tests_that_are_named_exist():
    """A refusal that names a policy test names one that runs."""
    standard = tomllib.loads((ROOT / "streams" / "policies" / "standard.toml").read_text("utf-8"))
    names = {test["name"] for test in standard["test"]}
    text = " ".join(prose("README.md").split())
    named = set(re.findall(r'policy test "([^"]+)"', text))

    assert named
    assert named - names == set()
