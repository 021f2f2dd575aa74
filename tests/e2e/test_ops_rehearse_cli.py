"""`firstword rehearse`: stories on the command line, and the page in a real browser."""

import shutil
import subprocess
import sys

import pytest

from tests.browser_rig import SCHEMES, WIDTHS, axe, browser, judge, page
from tests.command_line import document, environment, firstword
from tests.embedded_runs import ROOT

STORY = """
title = "A pen and a bottle of ink"
begins = "Fri 2026-11-20"
given = ["day 1 10:15 placed 1 PEN at 12.00 USD", "day 1 15:00 packed 1 INK"]
until = "day 2 20:00"

[[letter]]
template = "wrong_item"
at = "day 1 15:10"
says = ["That was our mistake."]
"""


# True when every letter is there and its frame is as high as it is.
GROWN = """() => document.readyState === "complete" && [...document.querySelectorAll("iframe")].every(frame => {
    const inner = frame.contentDocument.documentElement;
    return inner.querySelector("h1") && frame.clientHeight >= inner.getBoundingClientRect().height;
})"""


@pytest.fixture
def story(tmp_path):
    path = tmp_path / "stories" / "pen.toml"
    path.parent.mkdir()
    path.write_text(STORY, "utf-8")
    return path


def test_the_stories_of_the_program_are_told_without_a_word_more():
    """Nothing to set up: a table, the count, exit code 0."""
    done = firstword("rehearse")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The wrong markers are in the box" in done.stdout
    assert done.stdout.rstrip().endswith(" 0 not as written")


def test_stories_of_the_shop_are_told_to_its_own_policy(story, tmp_path):
    """A policy that answers otherwise is noticed: exit code 1, and the difference in a sentence."""
    rules = tmp_path / "shop.toml"
    rules.write_text('[respond.wrong_item]\nsettle = "1h"\n')
    fine = firstword("rehearse", story.parent)
    done = firstword("rehearse", story, "--policy", rules, "--json")

    assert fine.returncode == 0
    assert done.returncode == 1
    assert document(done)["policy"].startswith("shop@")
    (told,) = document(done)["stories"]
    assert told["failures"] == ["wrong_item at Fri 2026-11-20 16:00: expected at Fri 2026-11-20 15:10"]


def test_words_that_were_changed_are_noticed(story, tmp_path):
    """The shop's own words win, and the story that was written for others says where they differ."""
    ours = tmp_path / "words"
    shutil.copytree(ROOT / "templates" / "wrong_item", ours / "wrong_item")
    words = ours / "wrong_item" / "en.md"
    words.write_text(
        words.read_text("utf-8").replace("That was our mistake.", "Mistakes were made."), "utf-8"
    )
    done = firstword("rehearse", story, "--templates", ours)

    assert done.returncode == 1
    assert "wrong_item at Fri 2026-11-20 15:10: does not say `That was our mistake.`" in done.stdout


def test_letters_are_printed_in_full(story):
    """For those who read in a terminal."""
    done = firstword("rehearse", story, "--letters")

    assert "Subject: We packed the wrong item in your order ORD-1" in done.stdout
    assert "Attached: return-label-" in done.stdout
    assert "    Hello Robin," in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--only", "no such title"], "story-unknown"), (["no-such-file.toml"], "story-not-found")],
)
def test_a_story_that_is_not_there_is_said(arguments, code):
    """A code to search for, and a way on."""
    problem = document(firstword("rehearse", *arguments, "--json"))["problem"]

    assert code == problem["code"]
    assert problem["hint"]


def test_nothing_that_could_send_buy_or_ship_is_loaded(story, tmp_path):
    """A rehearsal cannot hurt anyone: neither mail, nor labels, nor desks, nor a client of Kafka is imported."""
    code = (
        "import sys; from streams.cli.program import run; "
        f"code = run(['rehearse', {str(story)!r}, '--html', {str(tmp_path)!r}]); "
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in "
        "{'streams', 'kafka', 'aiokafka', 'aiosmtplib', 'sqlalchemy'})); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    risky = (
        "streams.mail",
        "streams.labels",
        "streams.desks",
        "streams.wiring",
        "streams.service",
        "kafka",
        "aio",
        "sql",
    )

    assert "streams.ops.rehearse.page" in loaded
    assert [name for name in loaded if name.startswith(risky)] == []


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """The page of all stories of the program."""
    folder = tmp_path_factory.mktemp("training")
    done = firstword("rehearse", "--html", folder)

    assert done.stdout.rstrip().endswith(str(folder / "rehearsal.html"))
    return (folder / "rehearsal.html").as_uri()


@pytest.fixture(scope="module")
def chromium():
    with browser() as found:
        yield found


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_readable_everywhere(training, chromium, width, scheme):
    """No sideways scrolling, every letter shown to its end, and nothing that axe finds wrong."""
    with page(chromium, width=width, scheme=scheme) as one:
        one.goto(training)
        one.wait_for_function(GROWN)

        assert one.locator("iframe").count() >= 15
        assert one.evaluate("document.documentElement.scrollWidth") <= width
        assert judge(one, axe()) == []


def test_the_page_is_whole_without_its_script(training, chromium):
    """Letters scroll in their frames, and every story can be reached."""
    with page(chromium, width=375, java_script_enabled=False) as one:
        one.goto(training)

        assert one.locator("article").count() == one.locator("nav a").count() >= 10
        assert one.frame_locator("iframe >> nth=0").locator("h1").inner_text() == "We packed the wrong item"
        assert one.locator("iframe >> nth=0").bounding_box()["height"] > 400


def test_a_letter_is_found_from_what_happened(training, chromium):
    """The line that says that we write leads to what we write."""
    with page(chromium) as one:
        one.goto(training)
        one.locator("#story-15 .course a >> nth=1").click()

        assert one.url.endswith("#story-15-letter-2")
        assert one.locator("#story-15-letter-2 .subject").is_visible()


def test_a_link_to_a_story_leads_there(training, chromium):
    """Also after the letters above it have taken their heights."""
    with page(chromium) as one:
        one.goto(f"{training}#story-15")
        one.wait_for_function(GROWN)

        assert 0 <= one.locator("#story-15-title").bounding_box()["y"] < 300
