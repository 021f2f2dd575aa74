"""A shop that brings words of its own speaks under its own name, from the From header to the signature."""

import shutil

from streams.assets import templates_dir
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
