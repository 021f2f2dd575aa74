"""What mails say when something cannot be sent again, a label comes later, a parcel is found, or we are not sure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from streams.core.events import Kind, Letter, LetterLine, MessageQueued
from streams.pipeline.ports import Pin
from streams.templating import wording
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample
from streams.templating.variables import TROUBLES, Speaker

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
CATALOGUE = load_catalogue(TEMPLATES)
RENDERER = CatalogueRenderer(CATALOGUE)
LOCALES = ("en", "de", "es", "fr", "pt_BR")
ONE_WORD = re.compile("""["\u00ab\u201e][\\w\\s]+["\u00bb\u201c]""")  # a word to answer with, in quotes
MUG = LetterLine(sku="MUG", title="Blue mug", quantity=1)
WRONG = Letter(
    to="ada@example.org", time_zone="UTC", kinds=("wrong_item",), wrong_lines=(MUG,), apologize=True
)


def mail_of(template, letter, locale="en", renderer=RENDERER, pin=None):
    message = MessageQueued(
        order_id="ORD-1",
        decision_id="d",
        message_id="m",
        case_id="c",
        template=template,
        locale=locale,
        to_hash="h",
        letter=letter,
    )
    return renderer.render(message, pin)


def sampled(template, locale):
    return [read_sample(path, template, locale) for path in CATALOGUE.message(template).samples()]


def trouble_of(*kinds):
    speaker = Speaker(CATALOGUE.brand, wording.parse_locale("en"), CATALOGUE.phrases["en"])
    letter = Letter(to="ada@example.org", time_zone="UTC", kinds=kinds)
    return [name for name, told in speaker.names("ORD-1", letter, ())["trouble"].items() if told]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (("wrong_item",), ["wrong"]),
        (("swapped_labels",), ["wrong"]),
        (("late_delivery", "damaged"), ["damaged"]),
        (("lost", "wrong_item"), ["lost"]),
        (("return_to_sender",), ["returned"]),
        (("short_shipment",), ["missing"]),
        (("late_delivery",), []),
        ((), []),
    ],
)
def test_a_mail_speaks_of_one_trouble(kinds: tuple[Kind, ...], told):
    """The first that its letter names and that is put right by sending again."""
    assert trouble_of(*kinds) == told


def test_each_trouble_that_ends_out_of_stock_has_words_of_its_own():
    """The message speaks about exactly the kinds that words can ask for, and about each in another way."""
    card = CATALOGUE.message("out_of_stock").card
    assert set(card.kinds) == set(TROUBLES)

    letter = Letter(to="ada@example.org", time_zone="UTC", out_of_stock=(MUG,))
    texts = {
        mail_of("out_of_stock", msgspec.structs.replace(letter, kinds=kinds)).text
        for kinds in ((), *(((kind),) for kind in TROUBLES if kind != "swapped_labels"))
    }
    assert len(texts) == 6


@pytest.mark.parametrize("locale", LOCALES)
def test_the_choice_is_two_links_or_one_word(locale):
    """Where links are signed both answers are links, in both bodies; where they are not, neither is."""
    letter = Letter(to="ada@example.org", time_zone="UTC", kinds=("lost",), out_of_stock=(MUG,))
    linked = CatalogueRenderer(CATALOGUE, lambda _, answer, __: f"https://answers.example/{answer}")
    pin = Pin(at=datetime(2026, 11, 24, 10, tzinfo=UTC))

    mail = mail_of("out_of_stock", letter, locale, linked, pin)
    plain = mail_of("out_of_stock", letter, locale)

    for answer in ("refund", "wait"):
        assert mail.html.count(f'href="https://answers.example/{answer}"') == 1
        assert mail.text.count(f"(https://answers.example/{answer})") == 1
    assert "answers.example" not in plain.html + plain.text
    assert len(ONE_WORD.findall(plain.text)) == 2  # the two words to answer with
    assert len(ONE_WORD.findall(mail.text)) == 0


def test_a_found_parcel_asks_for_nothing():
    """No label, no return and no link can stand in that mail, in any language."""
    message = CATALOGUE.message("found")

    assert set(message.card.uses).isdisjoint({"label", "return", "goodwill", "shipping_refund"})
    assert not any("links." in words.body for words in message.words.values())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("template", ["wrong_item", "out_of_stock"])
def test_what_is_theirs_is_not_asked_back(template, locale):
    """A waived return says something of its own, and a label that is attached wins over it."""
    kept = msgspec.structs.replace(WRONG, keep_it=True, out_of_stock=(MUG,))
    silent = msgspec.structs.replace(kept, keep_it=False)
    labeled = msgspec.structs.replace(kept, return_id="r", label_id="l", label_carrier="Example Post")

    texts = [mail_of(template, letter, locale).text for letter in (kept, silent, labeled)]

    assert len(set(texts)) == 3
    assert ["Example Post" in text for text in texts] == [False, False, True]
    assert texts[2] == mail_of(template, msgspec.structs.replace(labeled, keep_it=False), locale).text


@pytest.mark.parametrize("locale", LOCALES)
def test_who_is_not_sure_does_not_state_it(locale):
    """Subject and heading and the first paragraph are others; and it says what to do if all is well: nothing."""
    sure = mail_of("wrong_item", WRONG, locale)
    unsure = mail_of("wrong_item", msgspec.structs.replace(WRONG, certain=False), locale)
    said = [text.split("\n\n") for text in (sure.text, unsure.text)]

    assert sure.subject != unsure.subject
    assert all(said[0][part] != said[1][part] for part in (0, 2))
    assert len(said[1]) == len(said[0]) + 1
    assert not set(said[0][2].split(". ")[:1]) & set(unsure.text.split(". "))


@pytest.mark.parametrize("locale", LOCALES)
def test_a_label_that_follows_makes_no_second_apology(locale):
    """Whatever the letter says: the mail before it has said sorry."""
    for message in sampled("label_follows", locale):
        assert message.letter is not None
        loud = msgspec.structs.replace(message.letter, apologize=True)
        assert (
            mail_of("label_follows", loud, locale).text
            == mail_of("label_follows", message.letter, locale).text
        )
