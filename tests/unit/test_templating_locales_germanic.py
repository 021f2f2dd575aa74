"""German and French, where they differ from English: dates, plurals, money, spacing, the line after the greeting."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from streams.core.events import DateRange
from streams.core.money import Money
from streams.templating import wording
from streams.templating.catalogue import load_catalogue
from streams.templating.lint.language import packs
from streams.templating.lint.passages import passages_of
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

CATALOGUE = load_catalogue(Path(__file__).resolve().parents[2] / "templates")
RENDERER = CatalogueRenderer(CATALOGUE)
LOCALES = ("de", "fr")
NO_BREAK = "\u00a0\u202f"  # French writes both before a mark; Babel writes the narrow one in numbers
RANGE = DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27))
ONE_DAY = DateRange(from_=date(2026, 11, 27), by=date(2026, 11, 27))
TAG = re.compile(r"\{[{%#].*?[}%#]\}")
# Nouns keep their capital, and so does the polite address.
CAPITAL_IN_A_SENTENCE = {"Ihr", "Ihre", "Sie"}


def typical(message, locale):
    """Return the text of the typical sample."""
    path = next(it for it in CATALOGUE.messages[message].samples() if it.stem == "typical")
    return RENDERER.render(read_sample(path, message, locale)).text


@pytest.mark.parametrize(
    ("locale", "days", "expected"),
    [
        ("de", RANGE, "zwischen Dienstag, 24. November, und Freitag, 27. November"),
        ("de", ONE_DAY, "am Freitag, 27. November"),
        ("fr", RANGE, "entre le mardi 24 novembre et le vendredi 27 novembre"),
        ("fr", ONE_DAY, "le vendredi 27 novembre"),
    ],
)
def test_a_range_reads_as_the_language_says_it(locale, days, expected):
    """A day stands with its weekday; German without an article, French with one."""
    written = wording.prose_range(days, wording.parse_locale(locale), CATALOGUE.phrases[locale])

    assert expected == written


@pytest.mark.parametrize(
    ("locale", "number", "pieces", "more"),
    [
        ("de", 1, "1 Artikel", "1 weiterer Artikel"),
        ("de", 2, "2 Artikel", "2 weitere Artikel"),
        ("de", 1000, "1.000 Artikel", "1.000 weitere Artikel"),
        ("fr", 0, "0 article", "0 autre article"),
        ("fr", 1, "1 article", "1 autre article"),
        ("fr", 2, "2 articles", "2 autres articles"),
        ("fr", 1_000_000, "1 000 000 articles", "1 000 000 autres articles"),
    ],
)
def test_a_count_takes_the_plural_of_the_language(locale, number, pieces, more):
    """French nothing is singular, a million is a category of its own."""
    phrases, babel = CATALOGUE.phrases[locale], wording.parse_locale(locale)
    written = [wording.count(number, forms, babel) for forms in (phrases.pieces, phrases.more)]

    assert [pieces, more] == [re.sub(f"[{NO_BREAK}]", " ", text) for text in written]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_plural_category_has_its_phrase(locale):
    """CLDR names the categories; a missing one would fall back to another number's word."""
    wanted = set(wording.parse_locale(locale).plural_form.tags) | {"other"}
    phrases = CATALOGUE.phrases[locale]

    assert wanted == set(phrases.pieces)
    assert wanted == set(phrases.more)


@pytest.mark.parametrize(("locale", "expected"), [("de", "1.234,50\u00a0€"), ("fr", "1\u202f234,50\u00a0€")])
def test_money_stands_before_its_sign(locale, expected):
    """Both write the sign last, with a space at which no line breaks."""
    written = wording.money(Money(minor=123450, currency="EUR"), wording.parse_locale(locale))

    assert expected == written


@pytest.mark.parametrize("message", sorted(CATALOGUE.messages))
def test_french_marks_are_never_torn_off(message):
    """No line can break before : ; ? ! or inside the quotation marks, and apostrophes are curved, in every branch."""
    words = CATALOGUE.messages[message].words["fr"]
    read = TAG.sub("", f"{words.subject}\n{words.preheader}\n{words.body}")
    torn = re.findall(rf"[^{NO_BREAK}][:;?!»]|«[^{NO_BREAK}]|\w'\w", read)

    assert not torn


def test_french_titles_leave_room_for_the_colon():
    """The plain-text mail sets a colon after the title of a card, and so does the footer after its labels."""
    text = typical("wrong_item", "fr")
    lines = [line for line in text.splitlines() if re.search(r":(?: |$)", line)]

    assert len(lines) >= 6
    assert [line for line in lines if re.search(f"[{NO_BREAK}]:", line)] == lines


@pytest.mark.parametrize("message", sorted(CATALOGUE.messages))
def test_german_goes_on_after_the_comma_of_the_greeting(message):
    """The greeting ends in a comma, so the first sentence begins small, as every German letter does."""
    passages = passages_of(CATALOGUE.messages[message].words["de"])
    greeting = next(passage for passage in passages if passage.text == "{greeting}")
    after = min(passage.order for passage in passages if passage.order > greeting.order)
    first = {passage.text.split()[0] for passage in passages if passage.order == after}

    assert CATALOGUE.phrases["de"].hello.endswith(",")
    assert set() == {word for word in first if not word[0].islower()} - CAPITAL_IN_A_SENTENCE


@pytest.mark.parametrize("locale", LOCALES)
def test_the_pack_knows_every_rule_that_english_knows(locale):
    """A rule without words in a language would say nothing there, and nobody would notice."""
    own, english = packs()[locale], packs()["en"]
    silent = [it.pattern for words in own.rules.values() for it in words.forbidden if not it.says]

    assert set() == set(english.rules) - set(own.rules)
    for rule, words in english.rules.items():
        assert bool(words.required) == bool(own.rules[rule].required)
        assert bool(words.channels) == bool(own.rules[rule].channels)
    assert not silent
