"""`firstword templates`, `policy` and `simulate`: the doors for words, rules and load."""

import shutil
import subprocess
import time
from email import message_from_bytes, policy

import pytest

from streams.simulate.plan import Plan
from streams.simulate.shop import simulate
from tests.command_line import command, document, environment, firstword
from tests.embedded_runs import ROOT


def test_a_message_is_rendered_as_a_customer_reads_it():
    """Subject, preview and text, in the language that was asked for."""
    done = firstword("templates", "render", "wrong_item", "--locale", "pt-BR")

    assert done.returncode == 0
    assert done.stdout.startswith("Subject: ")
    assert "pedido" in done.stdout


def test_a_message_is_written_as_a_mail(tmp_path):
    """An .eml that a mail program opens, with both bodies."""
    done = firstword("templates", "render", "lost", "--format", "eml", "--out", tmp_path / "lost.eml")
    mail = message_from_bytes((tmp_path / "lost.eml").read_bytes(), policy=policy.default)

    assert str(tmp_path / "lost.eml") == done.stdout.strip()
    assert mail["X-Firstword-Template"] == "lost"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (["templates", "render", "lots"], "template-missing", "lost"),
        (["templates", "render", "lost", "--sample", "wrost"], "sample-unknown", "--sample worst"),
        (["policy", "show", "--set", "notify.windw=1d"], "policy-unknown-word", "window"),
        (["policy", "show", "--set", "notify.window"], "set-unclear", "notify.window=12h"),
        (["policy", "test", "--only", "no such test"], "test-unknown", "policy test"),
        (["simulate", "--out", "-"], "output-twice", "--json"),
        (["simulate", "--out", "x", "--rate", "5"], "rate-without-stream", "--rate"),
    ],
)
def test_a_slip_names_the_nearest(tmp_path, arguments, code, hint):
    """A code to search for, and what was probably meant."""
    problem = document(firstword(*arguments, "--json", cwd=tmp_path))["problem"]

    assert code == problem["code"]
    assert hint in problem["hint"]


def test_the_words_of_the_house_pass_their_own_rules():
    """No errors in what comes with the program."""
    done = firstword("templates", "lint", "--json")

    assert (done.returncode, document(done)["errors"]) == (0, 0)


def test_bad_words_are_found(tmp_path):
    """Sorry for any inconvenience: exit code 1, and the place."""
    shutil.copytree(ROOT / "templates" / "lost", tmp_path / "lost")
    words = tmp_path / "lost" / "en.md"
    words.write_text(words.read_text() + "\nSorry for any inconvenience.\n")
    done = firstword("templates", "lint", "lost", "--templates", tmp_path, "--json")

    assert done.returncode == 1
    assert "no_inconvenience" in {finding["rule"] for finding in document(done)["findings"]}


def test_the_policy_in_force_can_be_saved_and_used(tmp_path):
    """What is shown is a policy file that says the same, and knows where each value comes from."""
    shown = firstword("policy", "show", "--set", "notify.window=12h")
    (tmp_path / "shop.toml").write_text(shown.stdout)
    again = document(firstword("policy", "show", "--policy", tmp_path / "shop.toml", "--json"))
    first = document(firstword("policy", "show", "--set", "notify.window=12h", "--json"))

    assert first["version"] == again["version"]
    assert first["origins"]["notify.window"] == "--set"
    assert again["policy"]["notify"]["window"] == "12h"


def test_the_stories_of_a_policy_are_told(tmp_path):
    """The standard policy keeps its own; a policy that breaks one is found."""
    rules = tmp_path / "shop.toml"
    rules.write_text(
        '[[test]]\nname = "late is told"\n'
        'given = ["Mon 2026-11-02 10:00 placed 1 LAMP; promised Fri 2026-11-06"]\n'
        'until = "Mon 2026-11-09 12:00"\nexpect = ["message wrong_item"]\n'
    )
    standard = firstword("policy", "test", "--json")
    broken = firstword("policy", "test", rules, "--json")

    assert (standard.returncode, document(standard)["passed"]) == (0, True)
    assert (broken.returncode, [one["name"] for one in document(broken)["tests"]]) == (1, ["late is told"])
    assert "message wrong_item" in document(broken)["tests"][0]["failures"][0]


def test_a_world_is_written_with_its_truth(tmp_path):
    """Counts on standard output, the files beside each other, the same seed the same bytes."""
    for name in ("one", "two"):
        said = document(firstword("simulate", "--orders", "50", "--out", tmp_path / name, "--json"))

    events = (tmp_path / "one" / "events.ndjson").read_bytes()
    assert said["lines"] == events.count(b"\n")
    assert events == (tmp_path / "two" / "events.ndjson").read_bytes()
    assert (tmp_path / "one" / "truth.json").is_file()


def test_a_world_is_poured_at_a_pace():
    """A hundred lines at a hundred a second take about a second, and lose nothing."""
    began = time.perf_counter()
    done = firstword("simulate", "--orders", "8", "--rate", "100", "--out", "-")
    seconds = time.perf_counter() - began
    expected = [event.line.decode() for event in simulate(Plan(orders=8))]

    assert expected == done.stdout.splitlines()
    assert seconds > (len(expected) - 1) / 100


def test_a_reader_who_has_seen_enough_is_no_mistake():
    """`| head -1` ends it without a word."""
    with subprocess.Popen(
        command("simulate", "--orders", "5000", "--out", "-"),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (0, b"")
