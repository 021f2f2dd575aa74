"""`firstword backtest`: what a person types, reads on a terminal, hands to a program, and sends to whoever decides."""

import html
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.simulate.plan import Plan
from streams.simulate.shop import write
from tests import browser_rig
from tests.command_line import command, document, environment, firstword
from tests.embedded_runs import ROOT

SOON = "soon=respond.late_delivery.tell_after=1h"
EARLY = "early=detect.stalled_in_transit.domestic_workdays=2"


@pytest.fixture(scope="module")
def events(tmp_path_factory):
    """Two weeks of a simulated shop, whose order ids are pieces of a page."""
    folder = tmp_path_factory.mktemp("backtest-shop")
    path = write(Plan(seed=5, orders=500, days=14), folder).events
    path.write_text(path.read_text().replace('"ORD-', "\"<u>'&ORD-"))
    return path


@pytest.fixture(scope="module")
def shop(events, tmp_path_factory):
    """The data folder of a run over these events."""
    data = tmp_path_factory.mktemp("backtest-data")
    done = firstword("run", "--data", data, "--source", events, "--clock", "history")
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture(scope="module")
def page(shop, tmp_path_factory):
    """The report."""
    path = tmp_path_factory.mktemp("backtest-page") / "report.html"
    done = firstword(
        *("backtest", "--data", shop, "--set", SOON, "--set", EARLY),
        *("--html", path, "--purse", "USD=60000"),
    )
    assert done.returncode == 0, done.stderr
    return path


def test_a_journal_and_the_events_that_led_to_it_are_measured_alike(shop, events):
    """What was run and what never was: the same figures, but for the history's name."""
    arguments = ("--set", SOON, "--set", EARLY, "--purse", "USD=60000", "--json")
    ran = document(firstword("backtest", "--data", shop, *arguments))
    never = document(firstword("backtest", "--source", f"native={events}", *arguments, "--jobs", "2"))
    ran["figures"].pop("history")
    never["figures"].pop("history")

    assert ran == never
    assert [one["name"] for one in ran["figures"]["policies"]] == ["standard", "soon", "early"]


def test_the_table_says_what_was_measured(shop):
    """The history, in what the policies differ, a column for each, and the differences."""
    done = firstword("backtest", "--data", shop, "--set", EARLY, "--examples", "0")

    assert done.returncode == 0, done.stderr
    assert "detect.stalled_in_transit.domestic_workdays = 2, not 3" in done.stdout
    for word in (
        "WHO IS TOLD",
        "FALSE ALARMS",
        "WHAT REMEDIES COST, USD",
        "WHAT CHANGES",
        "standard",
        "early",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 130


def test_every_changed_order_can_be_had(shop, tmp_path):
    """One line for each, as many as the figures say."""
    out = tmp_path / "changed.ndjson"
    said = document(firstword("backtest", "--data", shop, "--set", SOON, "--changed", out, "--json"))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    column = said["figures"]["policies"][1]

    assert len(lines) == column["changed"]["orders"] > 3
    assert {line["change"] for line in lines} == set(column["changed"]["by_sort"])
    assert all(line["seconds"] < 0 for line in lines if line["change"] == "earlier")
    assert {line["policy"] for line in lines} == {column["name"]}


def test_examples_hold_the_mails_of_both_policies(shop):
    """Word for word, at the customer's own time."""
    said = document(firstword("backtest", "--data", shop, "--set", SOON, "--json"))
    (some,) = said["examples"]

    assert 1 <= len(some) <= 3 * 6
    for one in some:
        assert one["order_id"] in one["first"]["mails"][0]["subject"]
        assert one["first"]["mails"][0]["sent"] != one["here"]["mails"][0]["sent"]
        assert len(one["here"]["mails"][0]["text"]) > 100


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--set", "notify.window=1d"], "policies-alike", 2),
        (["--set", "notify.windw=2d"], "policy-unknown-word", 1),
        (["--set", "window"], "set-unclear", 2),
        (["--set", SOON, "--purse", "USD=1.5"], "purse-unclear", 2),
        (["--set", SOON, "--until", "soon"], "time-unclear", 2),
        (["--policy", "nowhere.toml"], "policy-not-found", 1),
        (["--set", SOON, "--source", "native=x"], "history-twice", 2),
    ],
)
def test_what_cannot_be_measured_is_said(shop, arguments, code, status):
    """Each with its code, and before a minute of folding."""
    done = firstword("backtest", "--data", shop, *arguments, "--json")

    assert (document(done)["problem"]["code"], done.returncode) == (code, status)


def test_an_empty_folder_is_no_history(tmp_path):
    """Exit code 2, with what to name instead."""
    done = firstword("backtest", "--data", tmp_path, "--set", SOON, "--json")

    assert (document(done)["problem"]["code"], done.returncode) == ("data-not-found", 2)


def test_it_can_be_interrupted(events):
    """Ctrl-C reaches every process of the group: they all end, in one word and without a traceback."""
    arguments = ("backtest", "--source", f"native={events}", "--set", SOON, "--jobs", "2")
    with subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while not children.read_text().split():
            assert process.poll() is None, "it was over before it could be interrupted"
            assert time.monotonic() < deadline
        own = children.read_text().split()
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=30)

    assert (process.returncode, said[0], said[1].strip()) == (130, "", "stopped")
    assert [one for one in own if Path(f"/proc/{one}").exists()] == []


# ---------------------------------------------------------------------------- nothing is sent

_CUT = """
import socket, sys

class Cut(socket.socket):
    def __init__(self, *arguments, **more):
        raise SystemExit("somebody opened a socket")

socket.socket = Cut
socket.create_connection = Cut
socket.getaddrinfo = Cut
from streams.cli.program import run
code = run(sys.argv[1:])
apart = ("smtplib", "aiosmtplib", "sqlalchemy", "streams.mail", "streams.labels", "streams.desks",
         "streams.storage", "streams.service.effects", "streams.embedded", "streams.wiring", "kafka", "faust")
print(code, sorted(name for name in sys.modules if name.startswith(apart)))
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_backtest_does_not_even_know_how_to_send(events, tmp_path, jobs):
    """No mail, label, desk, ledger or broker is imported, and without a network it is the same."""
    page = tmp_path / "report.html"
    done = subprocess.run(
        [
            *(sys.executable, "-c", _CUT, "backtest", "--source", f"native={events}"),
            *("--set", SOON, "--html", str(page), "--jobs", jobs),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        check=False,
        text=True,
    )

    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert page.stat().st_size > 50_000


# ---------------------------------------------------------------------------- the page


def test_the_page_needs_nothing_but_itself(page):
    """No script, no other file, no address that anything is fetched from; and it forbids itself to try."""
    text = page.read_text()
    outer = re.sub(r' srcdoc="[^"]*"', "", text)

    assert "default-src 'none'" in text
    assert "<script" not in text.lower()
    assert re.findall(r'(?:src|href)="(?!#)', outer) == []
    assert "url(" not in outer
    assert "@import" not in outer


def test_what_comes_from_outside_stays_words(page):
    """An order whose id is a piece of a page is shown as it is written: in headings, subjects and mails."""
    text = page.read_text()

    assert text.count("&lt;u&gt;&#x27;&amp;ORD-") > 10
    assert "&amp;lt;u&amp;gt;" in text  # in the mail as it looks, escaped twice
    assert "<u>" not in text


def test_what_two_mails_say_differently_is_marked(shop, tmp_path):
    """The same mail without its apology: the lines that only one of them has are marked, and no others."""
    page = tmp_path / "report.html"
    plain = 'plain=respond.wrong_item.remedies=["return_label", "expedited_replacement"]'
    done = firstword("backtest", "--data", shop, "--set", plain, "--html", page)
    assert done.returncode == 0, done.stderr
    mails = re.findall(r"<pre>(?!\{)(.*?)</pre>", page.read_text(), flags=re.DOTALL)
    marked = [re.findall(r"<mark>(.*?)</mark>", mail) for mail in mails]

    assert len(mails) % 2 == 0
    assert 1 <= sum(map(len, marked)) <= 4 * len(mails)
    assert all(line for lines in marked for line in lines)
    assert any("sorry" in line.lower() or "apolog" in line.lower() for lines in marked[::2] for line in lines)


def test_the_page_shows_the_figures_of_the_json(page, shop):
    """Every cell of the first table, and the JSON itself, which can be taken out again."""
    text = page.read_text()
    said = document(
        firstword(
            *("backtest", "--data", shop, "--set", SOON, "--set", EARLY, "--json"),
            *("--purse", "USD=60000"),
        )
    )
    inside = json.loads(html.unescape(re.search(r"<pre>(\{&quot;history.*?)</pre>", text)[1]))

    assert inside == said["figures"]
    for column in said["figures"]["policies"]:
        assert f"<b>{column['false_alarms']['orders']:,}</b>" in text
        assert f"{column['mails']['count']:,}" in text


@pytest.fixture(scope="module")
def chromium():
    """A real browser."""
    with browser_rig.browser() as one:
        yield one


@pytest.mark.parametrize("scheme", browser_rig.SCHEMES)
def test_axe_finds_nothing(chromium, page, scheme):
    """Headings, tables, contrast and names, as one judges who does not see the page, or hardly."""
    source = browser_rig.axe()
    context = chromium.new_context(viewport={"width": 375, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.as_uri())
    found = browser_rig.judge(tab, source)
    context.close()

    assert found == []


@pytest.mark.parametrize("scheme", browser_rig.SCHEMES)
@pytest.mark.parametrize("width", browser_rig.WIDTHS)
def test_the_page_in_a_browser(chromium, page, width, scheme):
    """Nothing is asked for, nothing is wider than the screen, nothing complains, every mail can be opened."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab = context.new_page()
    asked, complaints, dialogs = [], [], []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(page.as_uri())
    closed = tab.evaluate("document.documentElement.scrollWidth")
    for details in tab.query_selector_all("details"):
        details.evaluate("one => one.open = true")
    tab.wait_for_function("document.querySelectorAll('iframe').length > 0")
    opened = tab.evaluate("document.documentElement.scrollWidth")
    cut = tab.evaluate(_CUT_OFF)
    colors = tab.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    context.close()

    assert (closed, opened) == (width, width)
    assert cut == []
    assert [url for url in asked if not url.startswith(("file:", "about:"))] == []
    assert dialogs == []
    assert [text for text in complaints if "Content Security Policy" not in text] == []
    assert (_light(colors[0]) > _light(colors[1])) == (scheme == "light")


_CUT_OFF = """
[...document.querySelectorAll('.chart text')].filter(text => {
  const box = text.getBoundingClientRect()
  return box.width && (box.left < -1 || box.right > innerWidth + 1)
}).map(text => text.textContent)
"""


def _light(color):
    return sum(map(int, re.findall(r"\d+", color)[:3]))
