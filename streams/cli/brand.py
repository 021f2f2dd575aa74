"""The brand under which mails go out, for commands that must not load what sends them."""

from __future__ import annotations

from streams.assets import templates_dir
from streams.settings import Settings
from streams.templating.brand import Brand, read_brand
from streams.templating.catalogue import brand_file


def brand_of(settings: Settings) -> Brand:
    """Return the brand of the shop's own templates where they hold one, as the catalogue chooses it.

    Raises:
        TemplateProblem: ``template-brand``.
    """
    return read_brand(brand_file(templates_dir(), settings.templates))
