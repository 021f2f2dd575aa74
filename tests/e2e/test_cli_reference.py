"""The program explains itself: every command by example, every code, kind, setting and type by name."""

import ast
import json
import re
import shlex
from typing import get_args

import click
import pytest

from streams import __version__
from streams.cli.explain import TOPICS
from streams.cli.program import COMMANDS, program
from streams.core.events import DECISIONS, INBOUND, OUTCOMES, Kind
from streams.mail.ledger import State
from streams.settings import FIELDS
from tests.command_line import document, firstword
from tests.embedded_runs import ROOT

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+|internal|usage|maildir")
# Who takes a code: the problems, their kin in sources and policies, and the refusals of the intake.
TAKERS = re.compile(r".*(Problem|Refusal|Rejected|_Refused|bad|_refuse)$")
_CALL = re.compile(r"`firstword ([a-z-]+)")


def every_command():
    def walk(group, path):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from walk(command, (*path, name))

    return [pytest.param(path, command, id=" ".join(path)) for path, command in walk(program(), ())]


def sources():
    return [(path, ast.parse(path.read_text("utf-8"))) for path in sorted((ROOT / "streams").rglob("*.py"))]


def codes_in(tree):
    """Yield every code that a module raises: texts, and patterns for texts that are put together."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [
                name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            ]
            if {"code", "CODE"} & set(names):
                yield from found(node.value)
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if TAKERS.fullmatch(name):
                given = [*node.args, *(word.value for word in node.keywords if word.arg == "code")]
                for argument in given[:5]:
                    yield from found(argument)


def found(node):
    match node:
        case ast.Constant(value=str(text)) if CODE.fullmatch(text):
            yield re.escape(text)
        case ast.JoinedStr(values=parts):
            pattern = "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else "[a-z]+" for part in parts
            )
            if CODE.fullmatch(pattern.replace("[a-z]+", "x").replace("\\", "")):
                yield pattern
        case ast.IfExp(body=yes, orelse=no):
            yield from found(yes)
            yield from found(no)
        case ast.Tuple(elts=parts):
            yield from found(parts[0])


@pytest.fixture(scope="module")
def explained():
    """Every page, by topic and name."""
    return {
        topic: {page["name"]: page for page in document(firstword("explain", topic, "--json"))["pages"]}
        for topic in TOPICS
    }


def test_every_code_that_is_raised_is_explained(explained):
    """What people paste into a search box has an answer; the source itself says which codes there are."""
    raised = {pattern: str(path.relative_to(ROOT)) for path, tree in sources() for pattern in codes_in(tree)}
    unexplained = {
        pattern: where
        for pattern, where in raised.items()
        if not any(re.fullmatch(pattern, code) for code in explained["problems"])
    }

    assert len(raised) > 100
    assert unexplained == {}


def test_no_code_is_explained_that_nobody_raises(explained):
    """A page about something that cannot happen misleads."""
    raised = [pattern for _, tree in sources() for pattern in codes_in(tree)]
    raised += [re.escape(word) for _, tree in sources() for word in texts(tree) if CODE.fullmatch(word)]

    assert [
        code for code in explained["problems"] if not any(re.fullmatch(pattern, code) for pattern in raised)
    ] == []


def texts(tree):
    return (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_page_says_something(explained):
    """A sentence each; problems also say what to do."""
    for pages in explained.values():
        assert all(page["sentence"].strip() for page in pages.values())
    assert all(page["do"].endswith((".", "`.")) for page in explained["problems"].values())


def test_every_kind_remedy_setting_type_and_state_has_its_page(explained):
    """The lists of the code and the pages are the same."""
    assert set(get_args(Kind)) == set(explained["kinds"])
    assert set(FIELDS) == set(explained["settings"])
    assert {fact.TYPE for fact in (*INBOUND, *DECISIONS, *OUTCOMES)} == set(explained["events"])
    assert set(get_args(State)) == set(explained["states"])
    assert {"native", "shopify", "easypost", "csv_history"} <= set(explained["sources"])


def test_a_kind_shows_the_thresholds_in_force(tmp_path):
    """What is explained is the policy that runs, not the one that came along."""
    rules = tmp_path / "shop.toml"
    rules.write_text("[detect.late_delivery]\nmajor_days = 2\n")
    pages = document(firstword("explain", "late_delivery", "--policy", rules, "--json"))["pages"]

    (page,) = [page for page in pages if page["topic"] == "kinds"]
    assert page["thresholds"]["major_days"] == 2
    assert page["responses"]["minor"]["message"] == "late_delivery"


def test_an_event_comes_with_an_example_that_can_be_sent():
    """The fields, and data that fits them; the version may be left out."""
    (page,) = document(firstword("explain", "order.canceled", "--json"))["pages"]

    assert (page["type"], page["way"]) == ("order.canceled.v1", "comes in")
    assert {"order_id", "lines", "reason"} == set(page["example"])


@pytest.mark.parametrize(
    "asked", ["FIRSTWORD_MAIL_URL", "mail_url", "journal-not-written", "Dead letter", "accepted"]
)
def test_a_word_is_found_however_it_is_written(asked):
    """A variable by its own name, words with blanks and capitals."""
    done = firstword("explain", asked)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_word_that_is_not_there_names_the_nearest():
    """A slip costs one look."""
    done = firstword("explain", "jurnal")

    assert done.returncode == 2
    assert "did you mean `firstword explain journal`?" in done.stderr


# ---------------------------------------------------------------------------- commands


@pytest.mark.parametrize(("path", "command"), every_command())
def test_every_command_shows_examples_that_it_understands(path, command):
    """--help ends with examples, and every option in an example exists."""
    text = command.get_help(click.Context(command, info_name=" ".join(("firstword", *path))))

    _, _, examples = text.partition("Examples:\n")
    assert f"firstword {' '.join(path)}" in examples
    if not isinstance(command, click.Group):
        known = {option for parameter in command.params for option in parameter.opts}
        lines = [part for line in examples.splitlines() for part in line.split("|") if " ".join(path) in part]
        used = {word for line in lines for word in shlex.split(line) if word.startswith("--")}
        assert set() == used - known


@pytest.mark.parametrize(("path", "command"), every_command())
def test_the_list_of_commands_says_what_each_says_of_itself(path, command):
    """The sentence in the list, which is shown without importing the command, is the command's own."""
    parent = program() if len(path) == 1 else program().get_command(click.Context(program()), path[0])

    assert (command.help or "").partition("\n")[0] == parent.sentences[path[-1]]


def test_help_lists_every_command():
    """The first thing that a person types."""
    done = firstword("--help")

    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_help_imports_no_heavy_library():
    """It answers at once because it loads nothing that it does not need."""
    done = firstword("--help", PYTHONPROFILEIMPORTTIME="1")

    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in imported
    assert set() == imported & {
        "faust",
        "sqlalchemy",
        "aiohttp",
        "jinja2",
        "mrml",
        "rich",
        "babel",
        "holidays",
    }


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["rum"], "did you mean `firstword run`?"),
        (["policy", "tset"], "did you mean `firstword policy test`?"),
        (["run", "--dta", "x"], "did you mean --data?"),
        (["run", "--clock", "histry"], "did you mean history?"),
        (["timeline"], "`firstword timeline --help` shows examples"),
    ],
)
def test_a_slip_is_answered_with_the_nearest_word(arguments, hint):
    """Exit code 2, and what was probably meant."""
    done = firstword(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert hint in done.stderr


def test_version_names_the_parts():
    """What a report of a mistake should begin with."""
    said = document(firstword("version", "--json"))

    assert __version__ == said["version"]
    assert said["parts"]["msgspec"]


def test_every_command_named_in_a_hint_exists():
    """A hint is a command where possible; a command that does not exist is a dead end."""
    named = {
        (name, str(path.relative_to(ROOT)))
        for path, tree in sources()
        for text in texts(tree)
        for name in _CALL.findall(text)
    }

    assert named
    assert set() == {(name, where) for name, where in named if name not in COMMANDS}


def test_a_failure_of_our_own_is_a_problem_too(tmp_path):
    """No traceback unasked; with --debug it is there."""
    (tmp_path / "journal.sqlite").write_bytes(b"this is no database, and it is long enough to look like none")
    calm = firstword("timeline", "X", "--data", tmp_path, "--json")
    loud = firstword("timeline", "X", "--data", tmp_path, "--debug")

    assert (calm.returncode, json.loads(calm.stdout)["problem"]["code"]) == (3, "journal-unreadable")
    assert ("Traceback" in calm.stderr, "Traceback" in loud.stderr) == (False, True)


def test_the_pages_are_where_the_hints_say():
    """`firstword explain X` in any text of the source finds a page."""
    asked = {
        word
        for _, tree in sources()
        for text in texts(tree)
        for word in re.findall(r"`firstword explain ([a-z_][a-z_.-]*)`", text)
    }
    pages = {name for topic in TOPICS for name in _names(topic)} | set(TOPICS)

    assert set() == asked - pages


def _names(topic):
    return {page["name"] for page in document(firstword("explain", topic, "--json"))["pages"]}
