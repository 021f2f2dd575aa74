"""The answers page as a customer meets it: the command, a real browser, two widths, light and dark, no script."""

import os
import re
import select
from pathlib import Path

import pytest

from tests import answers_rig as rig
from tests import browser_rig
from tests.browser_rig import SCHEMES, WIDTHS
from tests.command_line import firstword, start

WITHIN = 60  # seconds
FORGED = "/a/v1.bm9uZQ.bm9uZQ"
PAGES = {
    "stop": lambda: rig.link(message_id="msg_stop"),
    "refund": lambda: rig.link("refund", locale="de", order_id="Bestellung-2026-11-20-000000000000000000417"),
    "wait": lambda: rig.link("wait", locale="fr"),
    "forged": lambda: FORGED,
}


@pytest.fixture(scope="module")
def chromium():
    with browser_rig.browser() as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("answers") / "shop"


@pytest.fixture(scope="module")
def base(folder):
    """The command, over a folder that it makes."""
    with start("answers", "--data", folder, "--answers", ":0", FIRSTWORD_LINK_SECRET=rig.SECRET) as process:
        ready, _, _ = select.select([process.stdout], [], [], WITHIN)
        said = process.stdout.readline() if ready else ""
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found is not None, process.stderr.read() if process.poll() is not None else said
        yield found[0]
        process.terminate()
        assert process.wait(WITHIN) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_the_page_can_be_read_by_everybody(chromium, base, name, width, scheme):
    """Nothing that axe finds, nothing wider than the screen, a button that a thumb can hit."""
    with browser_rig.page(chromium, width=width, scheme=scheme) as page:
        page.goto(base + PAGES[name]())
        _photograph(page, f"{name}-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        for button in page.get_by_role("button").all():
            assert button.bounding_box()["height"] >= 44  # WCAG 2.2, 2.5.5
        if name != "forged":
            assert page.get_by_role("button").count() == 1
        # axe is a script, which the page's own policy would not let in.
        page.set_content(page.content())
        assert browser_rig.judge(page, browser_rig.axe()) == []
        page.goto(base + PAGES[name]())


def test_one_press_without_a_script_is_one_fact(chromium, base, folder):
    """By keyboard alone; a reload and a second press are told that it is noted."""
    path = rig.link("wait", message_id="msg_pressed")
    before = len(rig.facts(folder))
    with browser_rig.page(chromium, width=375, java_script_enabled=False) as page:
        page.goto(base + path)
        assert len(rig.facts(folder)) == before
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Thank you for waiting").wait_for()
        _photograph(page, "thanks-375-light")
        page.goto(base + path)
        page.get_by_role("heading", name="We have noted this already").wait_for()
        _photograph(page, "noted-375-light")
        assert page.context.cookies() == []
    assert len(rig.facts(folder)) == before + 1


SECRET = {"FIRSTWORD_LINK_SECRET": rig.SECRET}
WRONG = {
    "links-not-set": ({}, "FIRSTWORD_LINK_SECRET"),
    "link-secret-weak": ({"FIRSTWORD_LINK_SECRET": "armchair"}, "openssl rand"),
    "no-native-topic": ({**SECRET, "FIRSTWORD_TOPICS": "hooks=shopify"}, "FIRSTWORD_TOPICS"),
    "http-address-wrong": ({**SECRET, "FIRSTWORD_ANSWERS": "nowhere"}, "host:port"),
}


@pytest.mark.parametrize("code", WRONG)
def test_what_is_set_wrongly_is_said_at_the_start(tmp_path, code):
    """At once, with what to set, and not to the first customer."""
    given, names = WRONG[code]
    kafka = ("--kafka", "127.0.0.1:9") if code == "no-native-topic" else ()
    done = firstword("answers", "--data", tmp_path / "shop", *kafka, **given)

    assert done.returncode == 2
    assert code in done.stderr
    assert names in done.stderr
    assert "armchair" not in done.stderr


def test_an_address_that_is_taken_is_said(base, tmp_path):
    """With the option that chooses another."""
    taken = base.removeprefix("http://")
    done = firstword("answers", "--data", tmp_path / "shop", "--answers", taken, **SECRET)

    assert done.returncode == 3
    assert "answers-address-unavailable" in done.stderr


def _photograph(page, name):
    """Keep a picture for people, where they have asked for it."""
    folder = os.environ.get("FIRSTWORD_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"answers-{name}.png", full_page=True)
