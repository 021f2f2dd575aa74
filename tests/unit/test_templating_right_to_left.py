"""A mail in a language that is written from right to left is laid out so; one that is not, is not."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from streams.core.events import LetterLine
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

TESTS = Path(__file__).resolve().parents[1]
TEMPLATES = TESTS.parent / "templates"
ARABIC = TESTS / "right_to_left"
RENDERER = CatalogueRenderer(load_catalogue(TEMPLATES, ARABIC))
MESSAGES = ("late_delivery", "wrong_item")
SAMPLES = ("typical", "worst")
# Side by side in Word, which reads no styles of the columns; and mrml's own, undone by the text inside.
_OUTLOOK = re.compile(r"<!--\[if mso.*?<!\[endif\]-->", re.DOTALL)
_COLUMN = "font-size:0px;text-align:left;direction:"


class Tags(HTMLParser):
    """Every opening tag with its attributes and the text that follows it."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.feed(_OUTLOOK.sub("", html))

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def holding(self, text):
        """Return the tags whose own words hold ``text``, in order."""
        return [(tag, attrs) for tag, attrs, words in self.found if text in "".join(words)]


def mail(name, locale, sample="typical", **changes):
    queued = read_sample(TEMPLATES / name / "samples" / f"{sample}.json", name, locale)
    letter = msgspec.structs.replace(queued.letter, **changes)
    return RENDERER.render(msgspec.structs.replace(queued, letter=letter))


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("locale", "ours", "other"), [("ar", "rtl", "ltr"), ("en", "ltr", "rtl")])
def test_everything_runs_in_one_direction(name, sample, locale, ours, other):
    """Page, sections, columns and tables: one box in the wrong direction turns its words around."""
    html = mail(name, locale, sample).html

    tags = Tags(html).found
    assert tags[0][0] == "html"
    assert (tags[0][1]["lang"], tags[0][1]["dir"]) == (locale, ours)
    assert {attrs["dir"] for _, attrs, _ in tags if "dir" in attrs} <= {ours, "auto"}
    assert f"direction:{ours}" in html
    assert f"direction:{other}" not in html


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(("locale", "start", "end"), [("ar", "right", "left"), ("en", "left", "right")])
def test_words_begin_where_the_line_begins(name, sample, locale, start, end):
    """Only the order's number stands at the end of its line."""
    html = mail(name, locale, sample).html

    styles = [attrs.get("style", "") for _, attrs, _ in Tags(html).found]
    words = [style for style in styles if not style.startswith(_COLUMN)]
    assert sum(f"text-align:{end}" in style for style in words) == 1
    assert sum(f"text-align:{start}" in style for style in words) > 5


@pytest.mark.parametrize(("locale", "start", "end"), [("ar", "right", "left"), ("en", "left", "right")])
def test_the_column_of_quantities_keeps_its_distance(locale, start, end):
    """Quantity, a gap, the title: in the order in which the language reads."""
    html = mail("wrong_item", locale).html

    quantities = [attrs for tag, attrs in Tags(html).holding("2 \N{MULTIPLICATION SIGN}") if tag == "td"]
    assert [attrs["align"] for attrs in quantities] == [start, start]
    assert all(f"padding-{end}:14px" in attrs["style"] for attrs in quantities)
    assert f"padding-{start}: 22px" in html  # lists are indented where they begin


def test_what_comes_from_elsewhere_keeps_its_own_direction():
    """A Latin title, a tracking number, an order with a sign in front: none may reorder the words around it."""
    lines = (LetterLine(sku="A", title="Mug (blue)", quantity=1),)
    html = mail("wrong_item", "ar", wrong_lines=lines).html

    tags = Tags(html)
    for foreign in ("Mug (blue)", "ORD-2041", "RR987654321US", "Example Post", "Northlight Home, 12"):
        assert any(attrs.get("dir") == "auto" for _, attrs in tags.holding(foreign)), foreign


def test_joined_letters_are_not_spaced():
    """Arabic letters are joined; the heading's tight setting would break them."""
    assert "letter-spacing: normal" in mail("late_delivery", "ar").html
    assert "letter-spacing: -0.01em" in mail("late_delivery", "en").html


@pytest.mark.parametrize("name", MESSAGES)
def test_plain_text_is_left_alone(name):
    """No mark of direction is added: programs that show plain text find it out by themselves."""
    text = mail(name, "ar", goodwill=None, shipping_refund=None).text

    assert "الطلب ORD-" in text
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


def test_all_plural_forms_of_arabic_are_used():
    """Six of them, by the language's own rule."""
    more = {
        count: mail(
            "wrong_item",
            "ar",
            wrong_lines=tuple(LetterLine(sku=str(n), title="", quantity=1) for n in range(25 + count)),
        ).text
        for count in (1, 2, 3, 11, 100)
    }

    said = ("ومنتج آخر", "ومنتجان آخران", "و3 منتجات أخرى", "و11 منتجًا آخر", "و100 منتج آخر")
    assert [words in text for words, text in zip(said, more.values(), strict=True)] == [True] * 5
