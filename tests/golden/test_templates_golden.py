"""The mails that a person has read and accepted.

To accept new ones: ``FIRSTWORD_ACCEPT=1 pytest tests/golden/test_templates_golden.py``, then read the
difference in version control as the customer would.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from streams.templating import goldens
from streams.templating.renderer import CatalogueRenderer

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
MESSAGES = sorted(path.parent.name for path in TEMPLATES.glob("*/message.toml"))
DELIVERED = {
    "late_delivery",
    "at_risk",
    "stalled_in_transit",
    "never_handed_over",
    "lost",
    "delivery_failed",
    "return_to_sender",
    "damaged",
    "wrong_item",
    "short_shipment",
    "over_shipment",
    "second_failure",
    "replacement_update",
    "return_follow_up",
    "out_of_stock",
    "label_follows",
    "found",
}


@pytest.fixture(scope="module")
def renderer():
    return CatalogueRenderer.from_folder(TEMPLATES)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_renders_as_it_was_accepted(renderer, name):
    """Every sample, in every language, is byte for byte the accepted mail."""
    message = renderer.catalogue.message(name)
    if os.environ.get("FIRSTWORD_ACCEPT") == "1":
        goldens.accept(renderer, message)

    found = goldens.differences(renderer, message)

    assert "\n".join(f"{one.path.name}\n{one.shown()}" for one in found) == ""


@pytest.mark.parametrize("name", MESSAGES)
def test_no_accepted_mail_is_left_without_its_sample(renderer, name):
    """A sample that was removed takes its accepted mails with it."""
    message = renderer.catalogue.message(name)
    wanted = {path.name for path, _ in goldens.renderings(renderer, message)}

    assert wanted == {path.name for path in (message.folder / "expected").glob("*.*")}


def test_every_message_of_the_house_is_there():
    """Nothing that the policy can send is without words."""
    assert set(MESSAGES) >= DELIVERED


@pytest.mark.parametrize("name", sorted(DELIVERED))
def test_every_message_of_the_house_speaks_five_languages(renderer, name):
    """Each to a typical and a worst customer, to one of whom nothing is known, and to one who writes from right to left."""
    message = renderer.catalogue.message(name)

    assert set(message.words) >= {"en", "de", "es", "fr", "pt_BR"}
    assert [path.stem for path in message.samples()] == ["bare", "right_to_left", "typical", "worst"]


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_speaks_the_languages_of_its_card(renderer, name):
    """A new one begins with two, and with a typical and a worst sample."""
    message = renderer.catalogue.message(name)

    assert set(message.words) >= {"en", *message.card.locales}
    assert {"typical", "worst"} <= {path.stem for path in message.samples()}


@pytest.mark.parametrize("name", MESSAGES)
def test_no_mail_asks_the_outside_for_anything(renderer, name):
    """Opening a mail tells nobody: no fonts, styles or pictures are fetched, and nothing is loaded by a link tag."""
    for path, content in goldens.renderings(renderer, renderer.catalogue.message(name)):
        if path.suffix == ".html":
            fetched = re.findall(
                r"<link\b|@import\b|url\(\s*['\"]?https?:|\bsrc\s*=\s*['\"]?https?:", content
            )
            assert fetched == [], path.name
