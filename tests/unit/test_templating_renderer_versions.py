"""A version is everything that a mail is made of: packed, kept, and unpacked to the very same mail."""

from __future__ import annotations

import pytest

from streams.assets import templates_dir
from streams.pipeline.ports import Pin
from streams.problems import TemplateProblem
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

TEMPLATES = templates_dir()
OURS = "---\nsubject: Ours\npreheader: From us.\n---\nOurs {{ order.id }}.\n"


def sample(name="lost", locale="en"):
    return read_sample(TEMPLATES / name / "samples" / "typical.json", name, locale)


@pytest.fixture
def renderer():
    return CatalogueRenderer(load_catalogue(TEMPLATES))


def edited(folder, text=OURS):
    """Today's words of another day."""
    path = folder / "lost" / "en.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return load_catalogue(TEMPLATES, folder)


@pytest.mark.parametrize("name", ["lost", "wrong_item", "late_delivery"])
@pytest.mark.parametrize("locale", ["en", "pt_BR"])
def test_a_version_that_was_kept_makes_the_same_mail(renderer, tmp_path, name, locale):
    """In a process that has never seen its words, to the last byte and in every language."""
    message = sample(name, locale)
    pin = renderer.pin(message)
    parcel = renderer.sources(name, pin.version)
    fresh = CatalogueRenderer(edited(tmp_path))
    fresh.learn(name, pin.version, parcel)

    assert fresh.render(message, pin) == renderer.render(message)
    assert len(parcel) < 100_000


def test_words_of_before_stay_at_hand_over_an_edit(renderer, tmp_path):
    """And today's are other ones; put back, they are today's again under their old version."""
    message = sample()
    before = renderer.render(message)
    pin = renderer.pin(message)
    renderer.reload(edited(tmp_path))
    today = renderer.render(message)

    assert today.subject == "Ours"
    assert renderer.render(message, pin) == before
    renderer.reload(load_catalogue(TEMPLATES))
    assert renderer.pin(message) == pin
    assert renderer.render(message) == before


def test_a_version_that_nobody_has_is_said_to_be_missing(renderer):
    """Never another one in its place."""
    with pytest.raises(TemplateProblem) as caught:
        renderer.render(sample(), Pin("0" * 32))

    assert caught.value.code == "template-version-missing"
    assert not renderer.knows("lost", "0" * 32)


def test_a_mail_without_a_version_gets_todays_words(renderer):
    """One that an older program began."""
    assert renderer.render(sample(), Pin()) == renderer.render(sample())


@pytest.mark.parametrize("damage", ["another version", "cut off", "not packed", "nothing"])
def test_damaged_words_are_not_sent(renderer, tmp_path, damage):
    """What was kept must add up to its version."""
    version = renderer.pin(sample()).version
    parcel = renderer.sources("lost", version)
    other = CatalogueRenderer(edited(tmp_path))
    kept = {
        "another version": other.sources("lost", other.pin(sample()).version),
        "cut off": parcel[:-20],
        "not packed": b"---\nsubject: x\n",
        "nothing": b"",
    }[damage]

    with pytest.raises(TemplateProblem) as caught:
        other.learn("lost", version, kept)

    assert caught.value.code == "template-version-missing"
    assert not other.knows("lost", version)


def test_a_renderer_does_not_keep_every_version_for_ever(renderer, tmp_path):
    """A studio saves a thousand times a day; the ledger has what it needs."""
    first = renderer.pin(sample()).version
    for number in range(100):
        renderer.reload(edited(tmp_path, f"{OURS}\n{number}\n"))
        renderer.render(sample())

    assert not renderer.knows("lost", first)
    assert len(renderer._earlier) <= 64
    assert len(renderer._compiled) <= 2 * 64


def test_the_sender_of_a_version_is_that_of_its_brand(renderer, tmp_path):
    """The From header belongs to the words."""
    version = renderer.pin(sample()).version
    brand = (TEMPLATES / "brand.toml").read_text("utf-8").replace("Northlight Home", "Bell & Reed")
    (tmp_path / "brand.toml").write_text(brand)
    renderer.reload(load_catalogue(TEMPLATES, tmp_path))

    assert renderer.brand(version).name == "Northlight Home"
    assert renderer.brand(renderer.pin(sample()).version).name == "Bell & Reed"
