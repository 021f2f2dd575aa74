"""Any text in any field of a letter stays text: in both bodies, in the subject and in the markup."""

from __future__ import annotations

import json
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.events import DateRange, Letter, LetterLine, MessageQueued
from streams.core.money import Money
from streams.templating.plain import one_line
from streams.templating.renderer import CatalogueRenderer

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
RENDERER = CatalogueRenderer.from_folder(TEMPLATES)
MESSAGES = sorted(RENDERER.catalogue.messages)
TEXT_FIELDS = (
    "customer_name",
    "carrier",
    "tracking_number",
    "label_carrier",
    "label_tracking_number",
    "country",
)
LINE_FIELDS = ("wrong_lines", "missing_lines", "order_lines", "replacement_lines")
FIELDS = ("order_id", "locale", *TEXT_FIELDS, *LINE_FIELDS)
# Pieces that would mean something to Jinja, Markdown, HTML, MJML, a header or our own tokens.
LOADED = [
    "{{ 7*7 }}",
    "{% if x %}",
    "{% endif %}",
    "{# x #}",
    "{",
    "**x**",
    "[x](javascript:alert(1))",
    "# x",
    "<b>",
    "</td></tr></table>",
    "</script>",
    "<!--",
    "-->",
    "<![endif]-->",
    "<mj-raw>",
    '" onclick="x',
    "' x='",
    "&amp;",
    "&#123;",
    "\r\nBcc: x@example.org",
    "\n\n",
    "\u2028",
    "\u202e",
    "\x00",
    "\ud800",
    "x0000000000000000n1x",
]
TEXT = st.lists(st.sampled_from(LOADED) | st.text(max_size=12), max_size=6).map("".join)


class Skeleton(HTMLParser):
    """What a mail program builds: elements with their attributes' names, comments, links, texts."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.shape, self.links, self.texts, self.scripts = [], [], [], []
        self._in_script = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        self._in_script = tag == "script"

    def handle_endtag(self, tag):
        self.shape.append(("/", tag))
        self._in_script = False

    def handle_comment(self, data):
        self.shape.append(("comment", data))

    def handle_data(self, data):
        (self.scripts if self._in_script else self.texts).append(data)


def letter_with(field, text):
    """Return a letter in which everything is there and ``field`` holds ``text`` (never empty)."""
    lines = {name: (LetterLine(sku="SKU", title="Plain", quantity=2),) for name in LINE_FIELDS}
    if field in lines:
        lines[field] = (LetterLine(sku="SKU", title="x" + text, quantity=2),)
    texts = dict.fromkeys(TEXT_FIELDS, "Plain")
    if field in texts:
        texts[field] = "x" + text
    return Letter(
        to="ada@example.org",
        time_zone="UTC",
        kinds=("late_delivery", "wrong_item", "damaged"),
        apologize=True,
        promised_by=date(2026, 11, 20),
        arrives=DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27)),
        replacement_id="r",
        replacement_arrives=DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27)),
        expedited=True,
        return_id="r",
        label_id="l",
        keep_after=date(2026, 12, 23),
        goodwill=Money(minor=100, currency="USD"),
        shipping_refund=Money(minor=100, currency="USD"),
        **texts,
        **lines,
    )


def render(template, field, text):
    return RENDERER.render(
        MessageQueued(
            order_id="x" + text if field == "order_id" else "Plain",
            decision_id="d",
            message_id="m",
            case_id="c",
            template=template,
            locale="en-" + text if field == "locale" else "en",
            to_hash="h",
            letter=letter_with(field, text),
        )
    )


def check(template, field, text):
    plain, mail = render(template, field, ""), render(template, field, text)
    before, after = Skeleton(plain.html), Skeleton(mail.html)

    assert before.shape == after.shape
    assert plain.text.count("\n") == mail.text.count("\n")
    for line in (mail.subject, mail.preheader):
        assert line == one_line(line, 1000)
    assert [link.split("?")[0] for link in before.links] == [link.split("?")[0] for link in after.links]
    for link in after.links:
        assert not set("<>\"' \r\n") & set(link)
    assert [sorted(json.loads(script)) for script in before.scripts if script.strip()] == [
        sorted(json.loads(script)) for script in after.scripts if script.strip()
    ]
    mail.html.encode("utf-8")
    mail.text.encode("utf-8")
    return after, mail


@settings(max_examples=150, deadline=None)
@given(template=st.sampled_from(MESSAGES), field=st.sampled_from(FIELDS), text=TEXT)
def test_any_text_in_any_field_stays_text(template, field, text):
    """Whatever stands in a field, the mail has the same elements, lines, links and headers."""
    check(template, field, text)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", LOADED)
def test_loaded_pieces_stay_text_in_every_message(field, text):
    """Each piece that means something to one of our tools, in each field, in a mail that shows most of them."""
    for template in ("wrong_item", "lost", "never_handed_over"):
        check(template, field, text)


@settings(max_examples=60, deadline=None)
@given(text=TEXT)
def test_a_title_is_read_as_it_was_written(text):
    """The customer sees the very characters of the title, in both bodies, on one line."""
    shown = one_line("x" + text, 120)

    after, mail = check("wrong_item", "wrong_lines", text)

    assert shown in [one_line(part, 1000) for part in after.texts]
    assert f"  2 \N{MULTIPLICATION SIGN} {shown}\n" in mail.text


@pytest.mark.parametrize("template", MESSAGES)
@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_a_bare_letter_renders_in_every_message(template, locale):
    """The least that a letter can hold is enough for every message: nothing optional is taken for granted."""
    mail = RENDERER.render(
        MessageQueued(
            order_id="O",
            decision_id="d",
            message_id="m",
            case_id="c",
            template=template,
            locale=locale,
            to_hash="h",
            letter=Letter(to="ada@example.org", time_zone="UTC"),
        )
    )

    assert "None" not in mail.text
    assert "O" in mail.subject
