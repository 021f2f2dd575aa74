"""Words stand out from what they stand on, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from streams.templating.brand import Brand
from streams.templating.catalogue import Catalogue, Message
from streams.templating.lint.colors import color_of, contrast, hex_of, painted
from streams.templating.lint.finding import Found, Page, Quiet

_NEEDED = 4.5
_PAIRS = (
    *product(("ink", "muted", "accent"), ("page", "panel", "card")),
    ("on_accent", "accent"),
    *product(("dark_ink", "dark_muted", "dark_accent"), ("dark_page", "dark_panel", "dark_card")),
)


class Contrast(Quiet):
    """At least 4.5 to 1, for large words 3 to 1, for the brand's own pairs and for every word of a mail.

    A mail is looked at twice: as it comes, and with the dark colors that its stylesheet asks for. Where
    only one of two colors is known (an image behind words), nothing is said.
    """

    why = "one reader in twelve sees colors differently, and everybody reads on a phone in the sun"
    source = "WCAG 2.2, 1.4.3"

    def message(self, catalogue: Catalogue, message: Message) -> Iterable[Found]:  # noqa: ARG002 - the port's shape
        """Compare the colors of the brand."""
        return _of_brand(catalogue.brand, catalogue.place("brand.toml"))

    def page(self, page: Page) -> Iterable[Found]:
        """Compare what is seen in one rendered sample."""
        for dark in (False, True):
            for seen in painted(page.mail.html, dark=dark):
                ratio = contrast(seen.ink, seen.paper)
                if ratio < seen.needed:
                    pair = f"{hex_of(seen.ink)} on {hex_of(seen.paper)}{' in the dark' if dark else ''}"
                    says = f'"{seen.words[:40]}" is {pair}: {ratio:.1f}; {seen.needed} is the least'
                    yield Found(page.where, says, "take two colors of the brand that are a pair")


def _of_brand(brand: Brand, place: str) -> Iterator[Found]:
    for above, below in _PAIRS:
        ink, paper = (color_of(brand.colors.get(name, "")) for name in (above, below))
        if ink is not None and paper is not None and contrast(ink, paper) < _NEEDED:
            says = f"{above} on {below} has a contrast of {contrast(ink, paper):.1f}; {_NEEDED} is the least"
            yield Found(place, says, f"make {above} darker or {below} lighter, or the other way round")


RULE = Contrast()
