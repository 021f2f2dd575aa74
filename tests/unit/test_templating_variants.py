"""Two wordings of one message: which case gets which, and that each is held to what words are held to."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.assets import templates_dir
from streams.core.events import Letter, MessageQueued
from streams.problems import TemplateProblem
from streams.templating import goldens
from streams.templating.catalogue import load_catalogue
from streams.templating.lint import lint
from streams.templating.renderer import CatalogueRenderer
from streams.templating.variants import variant_of

TEMPLATES = templates_dir()
CARD = 'purpose = "a message of a test"\nowner = "Tests"\n[variants]\n'
# The first eight bytes of sha256("lost\\0case_<n>") modulo 100, below 50 or not; reckoned with sha256sum.
KNOWN = "bbbbbbbaabaaabab"
LETTER = Letter(to="ada@example.org", customer_name="Ada", time_zone="UTC", apologize=True)


def words(text):
    """A file of words that say one thing."""
    return f"---\nsubject: {text}\npreheader: {text}\n---\n{text}.\n"


@pytest.fixture
def shop(tmp_path):
    """Return a function that writes the message ``hello`` with these files, and loads it."""

    def write(variants="", **files):
        folder = tmp_path / "words" / "hello"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message.toml").write_text(CARD + variants)
        for name, text in files.items():
            (folder / f"{name.replace('__', '@')}.md").write_text(words(text))
        return CatalogueRenderer(load_catalogue(TEMPLATES, tmp_path / "words"))

    return write


def queued(case, locale="en"):
    return MessageQueued(
        order_id="ORD-1",
        decision_id="d",
        message_id="m",
        case_id=case,
        template="hello",
        locale=locale,
        to_hash="h",
        letter=LETTER,
    )


def read(renderer, case, locale="en"):
    """What a case reads, and which variant is written down for it."""
    message = queued(case, locale)
    pin = renderer.pin(message)
    mail = renderer.render(message, pin)
    assert mail == renderer.render(message)
    return mail.text.splitlines()[0].rstrip("."), pin.variant


# ---------------------------------------------------------------------------- who gets which


def test_a_case_gets_the_same_wording_for_ever():
    """By its id and the message's name, and nothing else: these answers are those of every version and machine."""
    assert [variant_of("lost", f"case_{n}", {"b": 50}) for n in range(16)] == list(KNOWN)


def test_each_wording_gets_its_part_of_the_cases():
    """Of ten thousand, as many as the card says, within what chance does (six standard deviations)."""
    drawn = Counter(variant_of("lost", f"case_{n}", {"b": 20, "c": 30}) for n in range(10_000))

    assert abs(drawn["b"] - 2000) < 240
    assert abs(drawn["c"] - 3000) < 275
    assert drawn["a"] == 10_000 - drawn["b"] - drawn["c"]


def test_two_messages_do_not_share_their_halves():
    """Otherwise who got the better words of one would always get those of the other."""
    both = Counter(
        (variant_of("lost", f"case_{n}", {"b": 50}), variant_of("damaged", f"case_{n}", {"b": 50}))
        for n in range(10_000)
    )

    assert all(abs(count - 2500) < 260 for count in both.values())
    assert len(both) == 4


def test_a_larger_part_takes_nobody_out():
    """Whoever had the new words has them still when more get them."""
    few = {n for n in range(1000) if variant_of("lost", f"case_{n}", {"b": 10}) == "b"}
    many = {n for n in range(1000) if variant_of("lost", f"case_{n}", {"b": 60}) == "b"}

    assert few < many


# ---------------------------------------------------------------------------- what they read


def test_cases_read_their_wording_and_it_is_written_down(shop):
    """What stands in the mail and what stands in the ledger are one."""
    renderer = shop("b = 50\n", en="One", en__b="Other")

    found = {read(renderer, f"case_{n}") for n in range(40)}

    assert found == {("One", "a"), ("Other", "b")}


def test_a_language_without_a_second_wording_takes_no_part(shop):
    """Its readers get its words, and are counted nowhere."""
    renderer = shop("b = 100\n", en="One", en__b="Other", de="Eins")

    assert read(renderer, "case_1", "de-AT") == ("Eins", "")
    assert read(renderer, "case_1", "en-GB") == ("Other", "b")
    assert read(renderer, "case_1", "ja") == ("Other", "b")


def test_a_language_with_some_of_the_wordings_falls_back_to_its_first(shop):
    """Who drew one that the language does not have reads the words without a letter."""
    renderer = shop("b = 50\nc = 50\n", en="One", en__b="Other", en__c="Third", de="Eins", de__b="Anders")

    assert {read(renderer, f"case_{n}", "de") for n in range(40)} == {("Eins", "a"), ("Anders", "b")}


def test_words_without_a_part_reach_nobody(shop):
    """A draft beside the words: compiled and read by the rules, and never sent."""
    renderer = shop(en="One", en__b="Draft")

    assert {read(renderer, f"case_{n}") for n in range(40)} == {("One", "")}
    assert "en@b" in renderer.catalogue.messages["hello"].words


def test_a_preview_asks_for_a_wording_by_its_name(shop):
    """As a locale: ``en@b``; dates and phrases are those of the language."""
    renderer = shop(en="One", en__b="Draft", pt_BR="Um", pt_BR__b="Outro")

    mail = renderer.render(queued("case_1", "pt_BR@b"))

    assert mail.text.startswith("Outro.")
    assert 'lang="pt-BR"' in mail.html


# ---------------------------------------------------------------------------- slips


@pytest.mark.parametrize(
    ("variants", "files"),
    [
        ("b = 50\n", {"en": "One"}),
        ("a = 50\n", {"en": "One", "en__b": "Other"}),
        ("b = 50\n", {"en": "One", "en__a": "Other", "en__b": "Other"}),
        ("b = 60\nc = 60\n", {"en": "One", "en__b": "Other", "en__c": "Third"}),
        ("", {"en": "One", "de__b": "Anders"}),
    ],
)
def test_a_part_that_cannot_be_dealt_out_is_refused(shop, variants, files):
    """A letter without words, too much for all, a second wording of words that are not there."""
    with pytest.raises(TemplateProblem) as caught:
        shop(variants, **files)

    assert (caught.value.code, caught.value.where) == ("template-variant", "words/hello/message.toml")


@pytest.mark.parametrize("variants", ["b = 101\n", "b = -1\n", 'b = "half"\n'])
def test_a_part_is_a_number_of_percent(shop, variants):
    """Nothing else."""
    with pytest.raises(TemplateProblem) as caught:
        shop(variants, en="One", en__b="Other")

    assert caught.value.code == "template-card"


# ---------------------------------------------------------------------------- held to the same


def test_a_wording_is_compiled_linted_and_accepted_like_all_words(shop, tmp_path):
    """Each finding and each golden names its file."""
    renderer = shop(en="One", en__b="We apologize for any inconvenience")
    samples = tmp_path / "words" / "hello" / "samples"
    samples.mkdir()
    (samples / "typical.json").write_bytes((TEMPLATES / "lost/samples/typical.json").read_bytes())
    message = renderer.catalogue.messages["hello"]

    found = [
        one
        for one in lint(renderer.catalogue, lambda name: name == "hello")
        if one.rule == "no_inconvenience"
    ]
    accepted = {path.name for path in goldens.accept(renderer, message)}

    assert {one.where.partition(":")[0] for one in found} == {"words/hello/en@b.md"}
    assert accepted == {
        "typical.en.html",
        "typical.en.subject",
        "typical.en.txt",
        "typical.en@b.subject",
        "typical.en@b.txt",
    }
    (tmp_path / "words" / "hello" / "en@b.md").write_text(words("{{ arives }}"))
    broken = CatalogueRenderer(load_catalogue(TEMPLATES, tmp_path / "words"))
    assert next(one.where for one in broken.check() if "hello" in one.where) == "words/hello/en@b.md:5"
