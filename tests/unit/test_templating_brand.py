"""A shop that brings words of its own speaks under its own name, from the From header to the signature."""

import shutil

import msgspec
import pytest

from streams.assets import templates_dir
from streams.problems import TemplateProblem
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample

TEMPLATES = templates_dir()


def test_a_brand_of_the_shop_wins(tmp_path):
    """Words that come with the program, the shop's name, and another template version."""
    ours = (TEMPLATES / "brand.toml").read_text("utf-8")
    (tmp_path / "brand.toml").write_text(ours.replace("Northlight Home", "Bell & Reed"), "utf-8")
    message = read_sample(TEMPLATES / "late_delivery" / "samples" / "typical.json", "late_delivery", "en")

    usual = CatalogueRenderer(load_catalogue(TEMPLATES)).render(message)
    own = CatalogueRenderer(load_catalogue(TEMPLATES, tmp_path)).render(message)

    assert "Northlight Home" in usual.text
    assert "Northlight Home" not in own.text + own.html
    assert "Bell & Reed" in own.text
    assert "Bell &amp; Reed" in own.html
    assert own.template_version != usual.template_version


def test_a_folder_without_a_brand_leaves_it_as_it_is(tmp_path):
    """One message more, and nothing else is another."""
    shutil.copytree(TEMPLATES / "late_delivery", tmp_path / "later")

    assert load_catalogue(TEMPLATES, tmp_path).brand == load_catalogue(TEMPLATES).brand


GERMAN = """
[addresses]
DE = "Northlight Home GmbH, Hafenstraße 12, 20457 Hamburg"
[legal.DE]
lines = ["Amtsgericht Hamburg, HRB 4711", "Geschäftsführerin: Marina Costa & Söhne"]
"""


def in_country(folder, country, brand=GERMAN):
    ours = (TEMPLATES / "brand.toml").read_text("utf-8")
    (folder / "brand.toml").write_text(f"{ours}\n{brand}", "utf-8")
    path = TEMPLATES / "late_delivery" / "samples" / "typical.json"
    message = read_sample(path, "late_delivery", "en")
    letter = msgspec.structs.replace(message.letter, country=country)
    renderer = CatalogueRenderer(load_catalogue(TEMPLATES, folder))
    return renderer.render(msgspec.structs.replace(message, letter=letter))


@pytest.mark.parametrize("country", ["DE", "de"])
def test_the_customer_s_country_chooses_address_and_legal_lines(tmp_path, country):
    """In both mails, after the reason why we write, in the order of the file."""
    mail = in_country(tmp_path, country)

    assert mail.text.endswith(
        "It is not advertising.\n"
        "Northlight Home GmbH, Hafenstraße 12, 20457 Hamburg\n"
        "Amtsgericht Hamburg, HRB 4711\n"
        "Geschäftsführerin: Marina Costa & Söhne\n"
    )
    at = [mail.html.index(words) for words in ("Hafenstraße 12", "HRB 4711", "Marina Costa &amp; Söhne")]
    assert at == sorted(at)
    assert "12 Harbor Street" not in mail.html + mail.text


@pytest.mark.parametrize("country", ["US", "", None, "Germany"])
def test_elsewhere_the_usual_address_stands_alone(tmp_path, country):
    """A country without lines of its own, no country, and something that is none."""
    mail = in_country(tmp_path, country)

    assert mail.text.endswith(
        "It is not advertising.\nNorthlight Home, 12 Harbor Street, Springfield, ME 04000, USA\n"
    )
    assert "12 Harbor Street" in mail.html
    assert "HRB" not in mail.html + mail.text


@pytest.mark.parametrize(
    ("brand", "why"),
    [
        ('[addresses]\nUK = "London"\n', "UK"),
        ('[legal.UK]\nlines = ["Company 1"]\n', "UK"),
        ('[addresses]\nde = "Hamburg"\n', "[A-Z]{2}"),
        ('[addresses]\nGermany = "Hamburg"\n', "[A-Z]{2}"),
        ("[legal.DE]\nlines = []\n", "length"),
        ('[legal.DE]\nlines = ["<b>HRB</b>"]\n', "lines[0]"),
        ('[legal.DE]\nline = ["HRB"]\n', "line"),
        ('[addresses]\nDE = "two\\nlines"\n', "addresses"),
    ],
)
def test_a_country_or_a_line_that_cannot_be_is_refused(tmp_path, brand, why):
    """Lines for a country that no order names would never be printed, and nobody would notice."""
    with pytest.raises(TemplateProblem) as caught:
        in_country(tmp_path, "DE", brand)

    problem = caught.value
    assert problem.code == "template-brand"
    assert "brand.toml" in (problem.where or "")
    assert why in f"{problem.what} {problem.why}"
