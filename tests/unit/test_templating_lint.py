"""The colleague who reads over the writer's shoulder: each rule speaks when it should and is silent otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.templating.catalogue import load_catalogue
from streams.templating.lint import lint, rules_by_name

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
GOOD = {
    "en": (
        "Your order {{ order.id }} is late",
        "We broke our word.{% if apologize %} We're sorry.{% endif %}",
    ),
    "pt_BR": (
        "Seu pedido {{ order.id }} está atrasado",
        "Falhamos.{% if apologize %} Pedimos desculpas.{% endif %}",
    ),
}
SAMPLE = {
    "about": "a sample of a test",
    "order_id": "ORD-1",
    "letter": {"to": "ada@example.org", "time_zone": "UTC", "kinds": ["late_delivery"], "apologize": True},
}


@pytest.fixture
def found(tmp_path):
    """Return a function that writes a message, good but for what is given, and gives the rules that speak."""

    def lint_words(
        *, subject=None, body=None, locale="en", regret=True, letter=None, samples=("typical", "worst")
    ):
        folder = tmp_path / "probe"
        (folder / "samples").mkdir(parents=True)
        (folder / "message.toml").write_text(
            f'purpose = "a message of a test"\nowner = "Tests"\nregret = {str(regret).lower()}\n'
        )
        for name, (good_subject, good_body) in GOOD.items():
            mine = name == locale
            (folder / f"{name}.md").write_text(
                f"---\nsubject: {subject if mine and subject else good_subject}\npreheader: News\n---\n"
                f"{body if mine and body is not None else good_body}\n"
            )
        sample = SAMPLE | {"letter": SAMPLE["letter"] | (letter or {})}
        for name in samples:
            (folder / "samples" / f"{name}.json").write_text(json.dumps(sample))
        catalogue = load_catalogue(TEMPLATES, tmp_path)
        return {(one.rule, one.where) for one in lint(catalogue, only=lambda name: name == "probe")}

    return lint_words


def test_the_words_of_the_house_pass():
    """Every message that comes with firstword is clean."""
    assert lint(load_catalogue(TEMPLATES)) == []


def test_good_words_are_let_through(found):
    """No rule speaks for the sake of it."""
    assert set() == found()


@pytest.mark.parametrize(
    ("locale", "body", "rule"),
    [
        ("en", "We're sorry for any inconvenience.", "no_inconvenience"),
        ("pt_BR", "Pedimos desculpas por qualquer inconveniente.", "no_inconvenience"),
        ("en", "This happened due to the weather. Sorry.", "no_blame"),
        ("en", "It was caused by our carrier. Sorry.", "no_blame"),
        ("en", "You weren't at home. Sorry.", "no_blame"),
        ("en", "Unforeseen things. Sorry.", "no_blame"),
        ("en", "Your order has been delayed. Sorry.", "no_blame"),
        ("pt_BR", "Atrasou por causa da transportadora. Desculpe.", "no_blame"),
        ("pt_BR", "Houve um imprevisto. Desculpe.", "no_blame"),
        ("en", "Sorry. It will arrive soon.", "no_empty_promise"),
        ("en", "Sorry. This will never happen again.", "no_empty_promise"),
        ("pt_BR", "Desculpe. Chega em breve.", "no_empty_promise"),
        ("pt_BR", "Desculpe. Isso não vai se repetir.", "no_empty_promise"),
        ("en", "Sorry!", "no_marketing"),
        ("en", "Sorry. Here is a discount.", "no_marketing"),
        ("pt_BR", "Desculpe. Aproveite um cupom.", "no_marketing"),
    ],
)
def test_words_that_hurt_are_found_where_they_are(found, locale, body, rule):
    """With file and line of the words, in both languages."""
    spoken = found(locale=locale, body=body)

    assert [f"probe/{locale}.md:5"] == [where.split("/", 1)[1] for name, where in spoken if name == rule]


@pytest.mark.parametrize(
    ("body", "letter", "regret"),
    [
        ("We're sorry. Truly sorry.", {}, True),
        ("Facts only.", {}, True),
        ("Sorry, although you have heard it before.", {"apologize": False}, True),
        ("Sorry to remind you.", {}, False),
        ("We are sorry if you were affected.", {}, True),
        ("We are sorry, but it happens.", {}, True),
        ("Words. " * 100 + "Sorry.", {}, True),
    ],
)
def test_regret_counts_once_early_and_when_asked_for(found, body, letter, regret):
    """Twice, late, conditional, unasked, or missing: each is found."""
    spoken = found(body=body, letter=letter, regret=regret)

    assert "one_apology" in {name for name, where in spoken if "/en.md" in where}


@pytest.mark.parametrize(
    "subject",
    [
        "An update on your order {{ order.id }}",
        "Your order {{ order.id }}",
        "Your order is late",
        "{{ order.id }}",
    ],
)
def test_a_subject_names_the_trouble_and_the_order(found, subject):
    """Vague subjects, and subjects without the order, are found."""
    assert "subject_names_problem" in {name for name, _ in found(subject=subject)}


def test_a_long_subject_is_found(found):
    """Phones show half of a line."""
    assert "subject_names_problem" in {
        name for name, _ in found(subject="Your order {{ order.id }} is late " + "x" * 70)
    }


def test_a_mail_that_would_be_clipped_is_found(found):
    """Gmail hides what comes after 102 KB."""
    assert "html_size" in {name for name, _ in found(body="Sorry.\n\n" + "word " * 22_000)}


def test_a_missing_sample_is_found(found):
    """Nobody has seen a message without its worst sample."""
    assert {("has_samples", "probe/samples")} == found(samples=("typical",))


def test_a_missing_language_is_found(tmp_path):
    """Readers of that language would get English."""
    folder = tmp_path / "probe"
    (folder / "samples").mkdir(parents=True)
    (folder / "message.toml").write_text('purpose = "a message of a test"\nowner = "Tests"\n')
    (folder / "en.md").write_text("---\nsubject: x\npreheader: y\n---\nz\n")

    rules = {one.rule for one in lint(load_catalogue(TEMPLATES, tmp_path), only=lambda name: name == "probe")}

    assert "missing_locale" in rules


def test_words_that_cannot_be_rendered_are_a_finding(found):
    """The lint goes on with the other messages."""
    assert "cannot_render" in {name for name, _ in found(body="{{ nope }}")}


def test_every_rule_is_documented():
    """The docstring of a rule is its page in the reference."""
    assert {name: rule for name, rule in rules_by_name().items() if len(type(rule).__doc__ or "") < 60} == {}
