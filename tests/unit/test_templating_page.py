"""A mail in pieces is a mail like any other to whoever does not ask for them."""

from pathlib import Path

import msgspec
import pytest

from streams.core.events import Letter, MessageQueued
from streams.templating.page import WovenMail
from streams.templating.renderer import CatalogueRenderer

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
MAIL = WovenMail.of(["<p>", "Ada", "</p>"], subject="s", preheader="p", text="t", template_version="1")


def test_pieces_are_no_part_of_what_a_mail_says():
    """Its JSON has the whole HTML and nothing else."""
    assert msgspec.json.decode(msgspec.json.encode(MAIL))["html"] == "<p>Ada</p>"
    assert set(msgspec.to_builtins(MAIL)) == {"subject", "preheader", "text", "html", "template_version"}


def test_a_changed_mail_forgets_its_pieces():
    """They are never those of another text."""
    assert MAIL.html_pieces == ("<p>", "Ada", "</p>")
    assert msgspec.structs.replace(MAIL, html="<b>").html_pieces == ("<b>",)


@pytest.mark.parametrize("name", ["late_delivery", "wrong_item"])
def test_what_does_not_depend_on_the_letter_is_the_same_object_in_every_mail(name):
    """That is what makes it worth keeping encoded; it is most of a page."""
    renderer = CatalogueRenderer.from_folder(TEMPLATES)
    one, other = (
        renderer.render(
            MessageQueued(
                order_id=f"ORD-{who}",
                decision_id="d",
                message_id="m",
                case_id="c",
                template=name,
                locale="en",
                to_hash="h",
                letter=Letter(to="ada@example.org", customer_name=who, time_zone="UTC"),
            )
        ).html_pieces
        for who in ("Ada", "Bob")
    )
    shared = {id(piece) for piece in one} & {id(piece) for piece in other}

    assert one != other
    assert sum(len(piece) for piece in one if id(piece) in shared) > 0.8 * sum(map(len, one))
