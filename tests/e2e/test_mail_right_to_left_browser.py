"""An Arabic mail in a real browser: everything stands where a reader from right to left looks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample
from tests.browser_rig import browser

TESTS = Path(__file__).resolve().parents[1]
TEMPLATES = TESTS.parent / "templates"
PHONE, LAPTOP = 375, 680
# Where the letters are, not their boxes: the first line of the text that a selector finds.
LETTERS = """(selector) => {
  const element = [...document.querySelectorAll(selector)].find((one) => one.innerText.trim());
  const range = document.createRange();
  range.selectNodeContents(element);
  const boxes = [...range.getClientRects()].filter((one) => one.width > 1);
  const line = boxes.filter((one) => Math.abs(one.top - boxes[0].top) < 8);
  const all = (side, pick) => pick(...line.map((one) => one[side]));
  return {left: all("left", Math.min), right: all("right", Math.max), top: all("top", Math.min)};
}"""
NAME, NUMBER, HEADING = ".name div", ".end div", ".words h1"
QUANTITY, TITLE = "td.quantity", "td.quantity + td"


@pytest.fixture(scope="module")
def chromium():
    """One browser for all widths and schemes."""
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def mails():
    """The same mail in both directions."""
    renderer = CatalogueRenderer(load_catalogue(TEMPLATES, TESTS / "right_to_left"))
    sample = TEMPLATES / "wrong_item" / "samples" / "typical.json"
    return {
        locale: renderer.render(read_sample(sample, "wrong_item", locale)).html for locale in ("ar", "en")
    }


def measured(chromium, html, width, scheme):
    """Return where the letters stand, and how wide the page is."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = context.new_page()
        page.set_content(html)
        found = {it: page.evaluate(LETTERS, it) for it in (NAME, NUMBER, HEADING, QUANTITY, TITLE)}
        found["wide"] = page.evaluate("document.documentElement.scrollWidth")
        return found
    finally:
        context.close()


def from_the_start(box, width, locale):
    """Return how far the letters begin from the edge where lines begin, and how far they reach."""
    if locale == "ar":
        return width - box["right"], width - box["left"]
    return box["left"], box["right"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
@pytest.mark.parametrize("locale", ["ar", "en"])
def test_a_mail_reads_from_its_own_side(chromium, mails, locale, width, scheme):
    """The shop and the heading begin at one edge, the number at the other, quantities before their titles."""
    found = measured(chromium, mails[locale], width, scheme)

    begin = {it: from_the_start(found[it], width, locale) for it in (NAME, NUMBER, HEADING, QUANTITY, TITLE)}
    assert found["wide"] <= width
    assert begin[NAME][0] == pytest.approx(begin[HEADING][0], abs=4)
    assert begin[QUANTITY][1] + 10 < begin[TITLE][0]
    assert begin[TITLE][0] < width / 2
    if width == PHONE:  # the two stand one below the other
        assert begin[NUMBER][0] == pytest.approx(begin[NAME][0], abs=4)
        assert found[NUMBER]["top"] > found[NAME]["top"]
    else:
        assert begin[NUMBER][0] > width / 2
        assert width - begin[NUMBER][1] == pytest.approx(begin[NAME][0], abs=4)
